#!/usr/bin/env bash
# Makes the pictures of a benchmark report: a run of some benchmarks, its page, seen by headless Chromium in light and dark.
#   cargo build --release -p northstar-headless && assets/pictures/report.sh
# Needs chromium, and pngquant to make the files small.
# Figures are those of the machine it runs on, so the pictures differ from run to run.
set -euo pipefail
cd "$(dirname "$0")/../.."
headless=${NORTHSTAR_HEADLESS:-target/release/northstar-headless}
chromium=${CHROMIUM:-chromium}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$headless" bench run btree/point_get_hot_1m log/append_commit_record btree/delete_10pct hardening/recovery_time \
    --repeats 5 --out "$work/out" --progress plain
"$headless" bench report "$work/out" --html "$work/report.html"

picture() { # theme, flags
    "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/chromium-$1" "${@:2}" \
        --window-size=1300,1750 --screenshot="$work/$1.png" "file://$work/report.html"
    pngquant --force --nofs --strip 64 --output "assets/pictures/bench-report-$1.png" "$work/$1.png"
}

picture light
picture dark --force-dark-mode --blink-settings=preferredColorScheme=0
