# gcov -n to a table and a total; fails below 95 % of lines.  Headers count
# with the files that include them.

/^File '.*policy\/[a-z_]+\.c'/ {
    split($0, part, "'")
    file = part[2]
    sub(/.*\//, "", file)
    next
}

/^File / {
    file = ""
}

/^Lines executed:/ && file != "" {
    split($0, part, /[:% ]+/)
    lines = part[5]
    covered = part[3] * lines / 100
    printf "%-18s %6.2f %% of %d\n", file, part[3], lines
    all += lines
    hit += covered
    file = ""
}

END {
    printf "%-18s %6.2f %% of %d lines\n", "total", all ? 100 * hit / all : 0,
           all
    exit all == 0 || hit / all < 0.95
}
