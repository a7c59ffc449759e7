"""card.py FILE...: what docs/testcard.md's reader makes of recordings, a JSON object a line."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from cardlib import decodes, numbers_of, skews_by_frame  # noqa: E402

for name in sys.argv[1:]:
    print(json.dumps({'decodes': decodes(name), 'numbers': numbers_of(name),
                      'skews': skews_by_frame(name)}))
