#!/usr/bin/env bash
# Makes the pictures of a benchmark report: a run of some benchmarks, its page, seen by headless Chromium in light and dark.
#   cargo build --release && assets/pictures/report.sh
# Figures are those of the machine it runs on, so the pictures differ from run to run.
set -euo pipefail
cd "$(dirname "$0")/../.."
headless=${NORTHSTAR_HEADLESS:-target/release/northstar-headless}
chromium=${CHROMIUM:-chromium}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$headless" bench run point_get_hot_1m commit_meta_fsync append_commit_record delete_10pct recovery_time task_queue_claims \
    --repeats 5 --out "$work/out" --progress plain
"$headless" bench report "$work/out" --html "$work/report.html"

picture() { # theme, flags
    "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/chromium-$1" "${@:2}" \
        --window-size=1300,1750 --screenshot="assets/pictures/bench-report-$1.png" "file://$work/report.html"
}

picture light
picture dark --force-dark-mode --blink-settings=preferredColorScheme=0
