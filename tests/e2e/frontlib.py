"""What the tests of conf/nginx.conf and conf/haproxy.cfg share: the two with other paths and ports."""
import os
import shutil
import subprocess

CONF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../conf")


def certificate(run):
    """run/cert.pem and key.pem, and both in both.pem, as haproxy wants them."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=front",
                    "-keyout", run + "/key.pem", "-out", run + "/cert.pem"], check=True,
                   stderr=subprocess.DEVNULL)
    with open(run + "/both.pem", "w") as both:
        for name in ("cert.pem", "key.pem"):
            with open(os.path.join(run, name)) as f:
                both.write(f.read())


def write(run, source, rows):
    with open(os.path.join(CONF, source)) as f:
        text = f.read()
    for old, new in rows:
        if old not in text:
            raise RuntimeError("%s: %s is not in it" % (source, old))
        text = text.replace(old, new)
    path = os.path.join(run, source)
    with open(path, "w") as f:
        f.write(text.replace("/run/rtckit", run))
    return path


def program(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")


def nginx(run, port, api, tls, more=""):
    """The command; three ports of 127.0.0.1; more: servers before ours."""
    os.makedirs(run + "/nginx", exist_ok=True)
    path = write(run, "nginx.conf", [
        ("    server {\n", more + "    server {\n"),
        ("# user rtckit;", "user root;" if os.getuid() == 0 else ""),
        ("listen 8080;", "listen 127.0.0.1:%d;" % port),
        ("listen 1985;", "listen 127.0.0.1:%d;" % api),
        ("# listen 443 ssl;", "listen 127.0.0.1:%d ssl;" % tls),
        ("# ssl_certificate     /etc/ssl/example.pem", "ssl_certificate " + run + "/cert.pem"),
        ("# ssl_certificate_key /etc/ssl/private/example.key", "ssl_certificate_key " + run + "/key.pem")])
    return [program("nginx"), "-c", path, "-g", "daemon off;"]


def haproxy(run, port, api, tls, more=""):
    """The same; more: sections at the end."""
    path = write(run, "haproxy.cfg", [
        ("bind :8080", "bind 127.0.0.1:%d" % port),
        ("bind :1985", "bind 127.0.0.1:%d" % api),
        ("# bind :443 ssl crt /etc/ssl/private/example-with-key.pem",
         "bind 127.0.0.1:%d ssl crt %s/both.pem" % (tls, run))])
    with open(path, "a") as f:
        f.write(more)
    return [program("haproxy"), "-db", "-f", path]
