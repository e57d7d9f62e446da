//! Help, man page and completions: what a stranger reads first.

use crate::support::{Folder, golden};

/// The names of all commands, as the help lists them.
fn commands(folder: &Folder, path: &[&str]) -> Vec<String> {
    let help = folder.run(&[path, &["--help"]].concat()).ok().text();
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[test]
fn help_of_every_command() {
    let folder = Folder::new();
    let mut text = String::new();
    let mut open = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let help = folder.run(&[&path[..], &["--help"]].concat()).ok().text();
        text.push_str(&format!("$ northstar-headless {} --help\n{help}\n", path.join(" ")));
        let subs = commands(&folder, &path).into_iter().rev();
        open.extend(subs.map(|sub| {
            let path = path.iter().map(|&name| name.to_owned());
            path.chain([sub]).collect()
        }));
    }
    assert!(text.contains("$ northstar-headless dump page --help"), "the walk goes down");
    golden("help.txt", &text);
}

#[test]
fn usage_errors_are_exit_status_2() {
    let folder = Folder::new();
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage: northstar-headless"),
        (&["frobnicate"], "unrecognized subcommand"),
        (&["get"], "required arguments"),
        (&["get", "a.ns", "k", "--at", "x"], "invalid value"),
        (&["get", "a.ns", "zz", "--hex"], "KEY is not hexadecimal"),
        (&["get", "a.ns", "\\q", "--escaped"], "KEY is not escaped text"),
        (&["load", "a.ns", "-", "--batch", "0"], "invalid value"),
        (&["load", "a.ns", "-", "--format", "csv", "--key", "name"], "a column's number"),
        (&["load", "a.ns", "-", "--format", "jsonl", "--header"], "--header is for CSV and TSV"),
        (&["dump", "a.ns"], "requires a subcommand"),
        (&["man", "frobnicate"], "no such command"),
        (&["queue", "claim", "a.ns"], "--owner"),
    ];
    for (arguments, stderr) in cases {
        let run = folder.run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(stderr), "{arguments:?}: {}", run.stderr);
        assert!(run.stdout.is_empty(), "{arguments:?}: nothing on standard output");
    }
    assert!(folder.snapshot().is_empty(), "wrong usage makes no file");
}

#[test]
fn man_pages_name_everything() {
    let folder = Folder::new();
    let page = folder.run(&["man"]).ok().text();
    assert!(page.contains(".TH northstar-headless 1"), "{page}");
    for command in commands(&folder, &[]) {
        let name = format!("northstar\\-headless\\-{command}(1)");
        assert!(page.contains(&name), "{command} is missing in the main page");
        let page = folder.run(&["man", &command]).ok().text();
        assert!(page.contains(&format!(".TH northstar-headless-{command} 1")), "{page}");
    }
    std::fs::create_dir(folder.path("pages")).expect("a folder");
    folder.run(&["man", "--out", "pages"]).ok();
    let count = std::fs::read_dir(folder.path("pages")).expect("the folder").count();
    assert!(count > commands(&folder, &[]).len(), "{count} pages");
}

#[test]
fn completions_name_everything() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.run(&["completions", shell]).ok().text();
        for command in commands(&folder, &[]) {
            assert!(script.contains(&command), "{shell} does not know {command}");
        }
        assert!(script.contains("skip-bad"), "{shell} does not know --skip-bad");
    }
}

#[test]
fn bash_completes() {
    let folder = Folder::new();
    folder.write("script", folder.run(&["completions", "bash"]).ok().stdout);
    let cases: &[(&[&str], &str)] = &[
        (&["lo"], "load logdump"),
        (&["load", "--sk"], "--skip-bad"),
        (&["load", "a.ns", "-", "--format", "j"], "jsonl"),
        (&["queue", "cl"], "claim"),
        (&["completions", "z"], "zsh"),
    ];
    for (words, expected) in cases {
        let driver = "source ./script; COMP_WORDS=(northstar-headless \"$@\"); COMP_CWORD=$#; \
             _northstar__headless northstar-headless \"${COMP_WORDS[COMP_CWORD]}\" \
             \"${COMP_WORDS[COMP_CWORD-1]}\" 2>/dev/null; echo \"${COMPREPLY[@]}\"";
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "-c", driver, "bash"]).args(*words).current_dir(folder.path(""));
        let Ok(output) = bash.output() else {
            println!("no bash here: not tried");
            return;
        };
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), *expected, "{words:?}");
    }
}
