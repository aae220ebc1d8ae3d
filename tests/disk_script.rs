//! The rules of the disk-full script that need no host: which logs look like rotated ones that may
//! go, and which directory is named for what fills a disk. `tests/rig/run` tries it all for real.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

/// The text of an awk program that a script holds in a variable.
fn program(file: &str, name: &str) -> String {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../functions/disk-full/ssm").join(file);
    let script = std::fs::read_to_string(path).unwrap();
    let (_, rest) = script.split_once(&format!("\n{name}='\n")).expect("the variable");
    rest.split_once("\n}'\n").expect("its end").0.to_owned() + "\n}"
}

/// What awk says of lines, of which each is a file.
fn awk(program: &str, environment: &[(&str, &str)], options: &[&str], lines: &[String]) -> String {
    let mut awk = Command::new("awk")
        .args(options)
        .arg(program)
        .args(["/dev/null", "-"])
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("awk");
    let mut input = awk.stdin.take().unwrap();
    for line in lines {
        writeln!(input, "{line}").unwrap();
    }
    drop(input);
    let output = awk.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Of files, each with its age in days, those that may go by a rule, in the order they were given.
fn may_go<'a>(rule: &str, kept: &str, files: &[(&'a str, u64)]) -> Vec<&'a str> {
    let lines: Vec<String> = files
        .iter()
        .enumerate()
        .map(|(inode, (path, days))| format!("c {}.5 {} 8 {path}", NOW - days * DAY, inode + 1))
        .collect();
    let rule = format!("rule={rule}");
    let (now, oldest) = (format!("now={NOW}"), format!("oldest={}", 10 * DAY));
    let options = ["-v", &rule, "-v", &now, "-v", &oldest, "-v", "top=/var/log/"];
    awk(&program("relieve.sh", "MAY_GO"), &[("KEPT", kept)], &options, &lines)
        .lines()
        .map(|line| {
            let inode: usize = line.split(' ').nth(1).unwrap().parse().unwrap();
            files.get(inode - 1).expect("a file").0
        })
        .collect()
}

#[test]
fn rotated_logs_go_by_every_usual_name() {
    for name in [
        "app.log.1",
        "app/app.log.2.gz",
        "syslog.2.gz",
        "kern.log.7.xz",
        "access.log.999",
        "app/x.log.3.zip",
        "app/x.log.3.lz4",
        "app/app.log.2026-11-20",
        "app/app-2026-11-20.log",
        "app/app.log-20261120",
        "app/app.log-20261120.gz",
        "app/sign-out__2026-02-13_05-36-03.log",
        "catalina.2026-11-20.log",
        "localhost_access_log.2026-11-20.txt",
        "ecs/ecs-agent.log.2026-11-20-10",
        "messages-20261120",
        "error.old",
        "boot.log-20260101",
        "stdout.log.gz",
    ] {
        assert_eq!(may_go("logs", "", &[(name, 30)]), [name], "{name}");
    }
    // A brother without the suffix says what it is.
    assert_eq!(may_go("logs", "", &[("trace", 0), ("trace.3", 30)]), ["trace.3"]);
}

#[test]
fn security_logs_backups_and_what_is_no_log_stay() {
    for name in [
        "auth.log.2.gz",
        "secure-20261120",
        "audit/audit.log.1",
        "vault_audit.log.3.gz",
        "kubernetes/audit-2026-11-20T10-00-00.log",
        "sudo.log.1",
        "wtmp.1",
        "btmp.1",
        "btmp-20261120",
        "login.log.4",
        "compliance.log.2",
        "mydb-20261120.gz",
        "mydb-20261120",
        "db.sql.gz",
        "dump-2026-11-20.gz",
        "backup/app.log.1.gz",
        "site-backup-20261120.log.gz",
        "home.tar.gz",
        "export.log.3.gz",
        "mysql/mysql-bin.001",
        "mysql/relay.001",
        "journal/0a1b/system@1.journal.old",
        "app.log",
        "data.gz",
        "invoices.2026-11-20.pdf",
        "trace.3",
    ] {
        assert!(may_go("logs", "", &[(name, 300)]).is_empty(), "{name}");
    }
}

#[test]
fn what_logrotate_keeps_stays_and_what_it_left_over_goes() {
    let kept = "/var/log/web/*.log 52 0\n/var/log/short.log 4 60\n/var/log/old/* 999999 0\n";
    let files = [
        ("web/access.log.52.gz", 300),
        ("web/access.log.53.gz", 310),
        ("web/access.log-20260101.gz", 310),
        ("short.log.4", 50),
        ("short.log.3", 70),
        ("old/any.log.9", 900),
        ("other.log.1", 30),
    ];
    assert_eq!(
        may_go("logs", kept, &files),
        ["web/access.log.53.gz", "short.log.3", "other.log.1"]
    );
}

#[test]
fn the_newest_two_dumps_of_a_program_stay() {
    let files = [
        ("core.app.0.0a1b.1.9.zst", 3),
        ("core.app.0.0a1b.2.9.zst", 2),
        ("core.app.0.0a1b.3.9.zst", 1),
        ("core.other.0.0a1b.4.9.zst", 3),
        ("_usr_bin_x.0.crash", 4),
        ("_usr_bin_y.0.crash", 11),
        ("20261101/vmcore", 9),
        ("20261102/vmcore", 8),
        ("20261103/vmcore", 7),
    ];
    assert_eq!(
        may_go("dumps", "", &files),
        ["core.app.0.0a1b.1.9.zst", "_usr_bin_y.0.crash", "20261101/vmcore"]
    );
}

fn culprits(points: &str, boots: &str, files: &[(&str, u64, u64)]) -> String {
    let mut lines: Vec<String> = files
        .iter()
        .map(|(directory, bytes, count)| format!("{} {count} 1 9 {directory}", bytes / 512))
        .collect();
    lines.push("end 0".to_owned());
    let environment = [("SWAPS", " 7 "), ("BOOTS", boots), ("POINTS", points)];
    awk(&program("look.sh", "WEIGH"), &environment, &[], &lines)
}

#[test]
fn the_deepest_directory_that_explains_it_is_named_first() {
    let said = culprits(
        "./mnt\n",
        "./tmp\n",
        &[
            ("./usr/lib/x86_64-linux-gnu", 2_000_000_000, 3000),
            ("./var/lib/php/sessions", 3_100_000_000, 400_000),
            ("./var/lib/dpkg/info", 100_000_000, 9000),
            ("./srv/app/releases/1", 400_000_000, 10),
            ("./srv/app/releases/2", 400_000_000, 10),
            ("./srv/app/releases/3", 400_000_000, 10),
            ("./tmp", 300_000_000, 3),
            ("./mnt/below", 900_000_000, 1),
        ],
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines.get(..5).expect("five lines"),
        [
            "dir 3099999744 400000 ./var/lib/php/sessions",
            "dir 1200000000 30 ./srv/app/releases",
            "hidden 899999744 1 ./mnt/below",
            "dir 2000000000 3000 ./usr/lib/x86_64-linux-gnu",
            "dir 299999744 3 ./tmp",
        ]
    );
    assert!(lines.contains(&"sum 299999744 3 899999744"), "{said}");
}

#[test]
fn half_a_record_ends_nothing_and_counts_for_nothing() {
    let lines = ["200000 5 1 9 ./var/log", "900000 7", "900000 7 1 9 /elsewhere", "", "end 124"];
    let environment = [("SWAPS", " 7 "), ("BOOTS", ""), ("POINTS", "")];
    let said = awk(&program("look.sh", "WEIGH"), &environment, &[], &lines.map(str::to_owned));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines, ["dir 102400000 5 ./var/log", "sum 0 0 0", "end 124"]);
}

#[test]
fn second_names_and_swap_do_not_count() {
    let lines = [
        "8 1 2 5 ./a/one".to_owned(),
        "8 1 2 5 ./a/two".to_owned(),
        "9000000 1 1 7 ./swap".to_owned(),
        "f 9000000 1 7 ./swap/file".to_owned(),
        "f 4096 1 5 ./a/one/x".to_owned(),
        "end 124".to_owned(),
    ];
    let said = awk(
        &program("look.sh", "WEIGH"),
        &[("SWAPS", " 7 "), ("BOOTS", ""), ("POINTS", "")],
        &[],
        &lines,
    );
    assert_eq!(said, "dir 4096 1 ./a/one\nfile 2097152 - ./a/one/x\nsum 0 0 0\nend 124\n");
}

/// What of `/tmp` may go, of lines as find prints them.
fn old_trees(short: bool, lines: &[&str]) -> Vec<String> {
    let short = format!("short={}", u8::from(short));
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let options = ["-v", "small=128", "-v", &short];
    let said = awk(&program("relieve.sh", "OLD_TREES"), &[], &options, &lines);
    let mut trees: Vec<String> = said.lines().map(str::to_owned).collect();
    trees.sort();
    trees
}

#[test]
fn what_lies_directly_in_tmp_is_one_thing() {
    let lines = [
        "d 100.5 1 0 old",
        "f 90.5 2 4096 old/large",
        "f 80.5 3 4096 mixed/old",
        "k 0 4 0 mixed/young",
        "d 70.5 5 0 made for later",
        "f 60.5 6 8 a name",
        "f 50.5 7 4096 a b/c d",
    ];
    // The youngest of each, and whether its small files go too.
    assert_eq!(old_trees(false, &lines), ["100.5 0 old", "50.5 0 a b", "60.5 0 a name"]);
    assert_eq!(old_trees(true, &lines), ["100.5 1 old", "50.5 1 a b", "60.5 1 a name"]);
    let crumbs: Vec<String> = (0..256).map(|n| format!("f 9.5 {n} 8 crumbs/{n}")).collect();
    let crumbs: Vec<&str> = crumbs.iter().map(String::as_str).collect();
    assert_eq!(old_trees(false, &crumbs), ["9.5 1 crumbs"]);
}

#[test]
fn every_awk_program_can_be_read() {
    for (file, names) in [
        ("look.sh", &["MOUNTS_SAY", "IN_USE_SAYS", "WEIGH"][..]),
        ("relieve.sh", &["MAY_GO", "OLD_TREES", "OF_TREES", "LOGROTATE_KEEPS"]),
    ] {
        for name in names {
            awk(&program(file, name), &[], &["-v", "deleted=/dev/null"], &[]);
        }
    }
}
