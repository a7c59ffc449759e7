# gnuplot: microseconds of CPU per forwarded packet against the number of players, beside the floor and one
# sendto() a packet of the same run, and the share of a core. Wants the variables data and picture.
set terminal svg size 800,500 font "sans-serif,13" background rgb "white"
set output picture
set xlabel "players of one stream of 1.09 Mbit/s"
set ylabel "us of one core per forwarded packet"
set y2label "% of one core"
# A single player pays for the wake-ups alone, some 50 us: it would flatten the rest.
set yrange [0:12]
set y2range [0:100]
set y2tics
set ytics nomirror
set key top left
set grid ytics
plot data using 1:2 with linespoints lw 2 title "rtc-relay", \
     data using 1:3 with linespoints lw 2 title "floor: encrypt and send in groups", \
     data using 1:4 with linespoints lw 2 title "encrypt and sendto()", \
     data using 1:5 axes x1y2 with lines dt 2 lc rgb "gray40" title "rtc-relay, % of a core"
