#!/usr/bin/env bash
# Makes the pictures of this folder from the real program on its demo database.
#   cargo build --release && assets/pictures/make.sh
# The demo database is the same byte for byte, so the pictures change only when the program does.
set -euo pipefail
cd "$(dirname "$0")/../.."
northstar=${NORTHSTAR:-target/release/northstar}
look_up="s ctrl-u c h a r / 0 1 F 6 0 0 enter n n n n n n n n n n"

picture() { # name, screen, keys
    for theme in dark light; do
        NO_COLOR= "$northstar" --screen "$2" --print --keys "$3" --size 120x34 --theme "$theme" \
            --svg "assets/pictures/$1-$theme.svg"
    done
}

picture map map "j j l l l"
picture page page "enter j j j j"
picture tree tree "$look_up"
picture metas metas "w"
picture log log "k"
picture time time "j j"
picture lab lab "[ [ ["
