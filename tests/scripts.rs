//! What can be said of the host scripts without a host: how they refuse, and that whatever a user
//! names a file comes through the result line to the parser. `tests/rig/run` tries them for real.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

use remedy::model::alarm::Symptom;
use remedy::model::host_text::HostText;
use remedy::observe::host_report::{Code, Failure, Status, Verdict, parse};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The symptoms that have scripts.
fn scripted() -> impl Iterator<Item = Symptom> {
    Symptom::ALL.into_iter().filter(|symptom| symptom.has_scripts())
}

/// The script as the document's file holds it.
fn script(symptom: Symptom) -> String {
    let script = root().join("tests/rig/script");
    let output = Command::new(script).arg(symptom.name()).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn bash(script: &str, arguments: &[&OsStr], environment: &[(&str, &str)]) -> Output {
    Command::new("bash")
        .arg("-c")
        .arg(script)
        .arg("bash")
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .expect("bash")
}

fn read(output: &Output) -> Verdict {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    parse(&text(&output.stdout), &text(&output.stderr), output.status.code(), "Failed")
}

/// Amazon Linux 2 and RHEL 7 have bash 4.2, to which `"${x%/}"/*` is no pattern that matches if
/// nothing is left of `x`; `"${x%/}/"*` is. On such a host `/` was no mount point.
#[test]
fn no_pattern_begins_with_what_bash_4_2_makes_nothing_of() {
    for symptom in scripted() {
        let script = script(symptom);
        let of_4_2 = |line: &&str| line.contains("%/}\"/*");
        assert_eq!(script.lines().find(of_4_2), None, "{symptom}");
        assert!(script.contains("%/}/\"*"), "{symptom}: there is no such pattern any more");
    }
}

/// Every file of shell that a document is made of, with its lines as the shell sees them.
fn shell_files() -> Vec<(PathBuf, Vec<String>)> {
    let mut folders = vec![root().join("functions")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "sh") {
                let text = std::fs::read_to_string(&path).unwrap().replace("\\\n", " ");
                let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
                files.push((path.clone(), code.map(str::to_owned).collect()));
            }
        }
    }
    assert!(files.len() > 12, "the scripts are elsewhere: {files:?}");
    files
}

/// The options that systemd 219 knows, which Amazon Linux 2 and RHEL 7 have, of those that are
/// used (its own `--help`, and "Added in version" in systemd's manual pages).
const KNOWN_TO_SYSTEMD_219: [(&str, &[&str]); 4] = [
    (
        "journalctl",
        &["--list-boots", "--no-pager", "--since", "--vacuum-size", "--vacuum-time", "-n", "-p"],
    ),
    ("loginctl", &["--no-legend", "--no-pager", "-p"]),
    (
        "systemctl",
        &[
            "--no-block",
            "--no-legend",
            "--no-pager",
            "--plain",
            "--quiet",
            "--runtime",
            "--state",
            "--type",
            "-p",
        ],
    ),
    ("systemd-escape", &["--path"]),
];

/// Younger ones, in lines where nothing hangs on them: an older systemd refuses the call, and
/// what is archived already is vacuumed all the same.
const TRIED_AND_DONE_WITHOUT: [(&str, &str); 1] = [("--rotate", "bounded 5 journalctl --rotate")];

#[test]
fn nothing_is_asked_of_systemd_that_219_does_not_know() {
    let mut asked = 0;
    for (path, lines) in shell_files() {
        for line in lines {
            for (tool, known) in KNOWN_TO_SYSTEMD_219 {
                let Some((_, call)) = line.split_once(&format!("{tool} ")) else { continue };
                let call = call.split(['|', ')', ';', '&', '>']).next().unwrap_or_default();
                let options = call.split_whitespace().filter(|word| word.starts_with('-'));
                for option in options.take_while(|word| *word != "--") {
                    let name = option.split('=').next().unwrap_or_default();
                    let without = TRIED_AND_DONE_WITHOUT.contains(&(name, line.trim()));
                    assert!(known.contains(&name) || without, "{path:?}: {tool} {name}: {line}");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 25, "the calls are not found any more: {asked}");
}

/// What is younger than coreutils 8.22, which Amazon Linux 2 and RHEL 7 have: major and minor of
/// `stat` (older ones print `?r`, for which systemd's own tests are skipped there), NUL-separated
/// lines of `head`, `tail` and `cut` (8.25), and `sync` of one file system (8.24).
#[test]
fn nothing_is_asked_of_coreutils_that_8_22_does_not_know() {
    let mut synced = 0;
    for (path, lines) in shell_files() {
        for line in lines {
            for young in ["%Hr", "%Hd", "%Lr", "%Ld", "head -z", "tail -z", "cut -z", "df --output"]
            {
                assert!(!line.contains(young), "{path:?}: {young}: {line}");
            }
            if line.contains("sync -f") {
                synced += 1;
                assert!(line.ends_with("|| bounded 10 sync"), "{path:?}: {line}");
            }
        }
    }
    assert_eq!(synced, 1, "where btrfs commits");
}

/// What is left behind because it cannot be killed in time has not ended: whoever reads a list
/// from it must not take that for complete.
#[test]
fn what_is_left_behind_is_told_from_what_has_ended() {
    let calls = [
        "abandoned_after 1 sleep 20; left=$?",
        "abandoned_after 20 sh -c 'exit 7'; ended=$?",
        "cut_off \"$left\" || left=complete",
        "printf '%s %s\\n' \"$left\" \"$ended\" >&3",
        "trap - EXIT",
    ];
    let script = format!("{}\n{}", source("remedy-aws/ssm/base.sh"), calls.join("\n"));
    let output = bash(&script, &[], &[]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "137 7\n", "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing is said beside the line");
}

/// Each of these ends at the gate, before anything of this machine is touched.
#[test]
fn a_bad_parameter_ends_every_script_with_a_result() {
    for symptom in scripted() {
        let script = script(symptom);
        for (name, value) in [
            ("SSM_Mode", "destroy"),
            ("SSM_Mode", "report\napply"),
            ("SSM_Mode", "{{ Mode }}"),
            ("SSM_EvidenceUrl", "https://example.org/"),
            ("SSM_EvidenceUrl", &format!("https://s3.amazonaws.com/{}", "x".repeat(5000))),
            ("SSM_Deadline", "a[$(touch /tmp/pwned)]"),
        ] {
            // What an agent that knows environment variables would have set.
            let mut environment =
                vec![("SSM_Mode", "report"), ("SSM_EvidenceUrl", ""), ("SSM_Deadline", "60")];
            environment.retain(|(other, _)| *other != name);
            environment.push((name, value));
            let output = bash(&script, &[], &environment);
            assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
            assert!(
                matches!(read(&output), Verdict::Failed(Failure::BadParameter { .. })),
                "{symptom} {name}={value}: {output:?}"
            );
        }
    }
    assert!(!std::path::Path::new("/tmp/pwned").exists());
}

/// Without the environment of a new agent or the pasting of an old one.
#[test]
fn an_agent_that_passes_no_parameters_is_noticed() {
    for symptom in scripted() {
        let output = bash(&script(symptom), &[], &[]);
        assert!(
            matches!(read(&output), Verdict::Failed(Failure::BadParameter { .. })),
            "{output:?}"
        );
    }
}

/// The base's own words for a text, put into a line and read by production's parser.
fn through_the_line(text: &[u8]) -> HostText {
    let base = std::fs::read_to_string(root().join("functions/remedy-aws/ssm/base.sh")).unwrap();
    let script =
        format!("{base}\nACTION=disk-clean SSM_Mode=report\nwarn \"$1\"\nfinish report 0 \"$1\"\n");
    let output = bash(&script, &[OsStr::from_bytes(text)], &[]);
    match read(&output) {
        Verdict::Said(result) => {
            assert!(result.warnings.len() == 1, "{output:?}");
            result.reason
        }
        Verdict::Failed(failure) => panic!("{failure}: {output:?}"),
    }
}

#[test]
fn hostile_texts_pass_through_the_line_unharmed() {
    for (text, expected) in [
        (&b"plain & simple"[..], "plain & simple"),
        (b"a\"b\\c", "a\"b\\c"),
        (b"\\\"},{\"status\":\"ok\"", "\\\"},{\"status\":\"ok\""),
        (b"new\nline\ttab\x1b[31m", "new?line?tab?[31m"),
        (b"\xff\xfe\xe2\x80\xae", "?????"),
        (b"$(touch /tmp/pwned) `id` %s %n", "$(touch /tmp/pwned) `id` %s %n"),
        (b"-n", "-n"),
        (b"", ""),
    ] {
        assert_eq!(through_the_line(text).as_str(), expected);
    }
    assert_eq!(through_the_line(&[b'"'; 500]).as_str(), "\"".repeat(120));
    for byte in 1..=255_u8 {
        through_the_line(&[b'a', byte, b'\\', byte]);
    }
}

/// The codes in the table of docs/host-scripts.md, and the status each comes with.
fn documented_codes() -> BTreeMap<String, String> {
    let docs = std::fs::read_to_string(root().join("docs/host-scripts.md")).unwrap();
    let (_, table) = docs.split_once("| code | status | meaning |\n").expect("a table of codes");
    let row = |line: &str| {
        let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned());
        (cells.nth(1).unwrap(), cells.next().unwrap())
    };
    table.lines().skip(1).take_while(|line| line.starts_with('|')).map(row).collect()
}

#[test]
fn every_documented_code_is_read() {
    let codes = documented_codes();
    assert!(codes.len() > 20, "{codes:?}");
    for (code, status) in codes {
        let value = serde_json::Value::from(code.as_str());
        let read: Code = serde_json::from_value(value.clone()).unwrap();
        assert_ne!(read, Code::Unknown, "{code}");
        assert_eq!(serde_json::to_value(read).unwrap(), value);
        assert!(serde_json::from_value::<Status>(status.into()).is_ok(), "{code}");
    }
}

/// What systemd would do at boot with each of these, and the line that is to blame. `/dev/absent`
/// is never there; where a device is, the file system on it is `xfs`.
const FSTABS: [(&str, &str, &str); 31] = [
    ("/dev/absent /data xfs defaults 0 2", "false", "line 1: /dev/absent for /data is not there"),
    (
        "UUID=aebf131c /data xfs defaults 0 2",
        "false",
        "line 1: /dev/disk/by-uuid/aebf131c for /data",
    ),
    ("LABEL=data /data auto defaults 0 0", "false", "line 1: /dev/disk/by-label/data for /data"),
    ("PARTUUID=9-1 /data ext4", "false", "line 1: /dev/disk/by-partuuid/9-1 for /data"),
    ("# comment\n\n/dev/absent /my\\040data ext4 defaults 0 0", "false", "line 3: /dev/absent"),
    ("/dev/absent /boot/efi vfat umask=0077 0 1", "false", "for /boot/efi"),
    ("/dev/absent /data xfs noauto,auto 0 0", "false", "line 1"),
    ("/dev/absent /data xfs x-systemd.device-timeout=5 0 0", "false", "line 1"),
    ("/srv/absent.img /image ext4 loop 0 0", "false", "line 1: /srv/absent.img for /image"),
    (
        "/dev/null /data ext4 defaults 0 0",
        "false",
        "line 1: /dev/null for /data holds xfs, not ext4",
    ),
    ("/dev/null /a xfs defaults 0 0\n/dev/absent /b xfs", "false", "line 2"),
    ("/dev/null /data xfs defaults 0 0", "true", ""),
    ("/dev/null /data auto defaults 0 0", "true", ""),
    ("UUID=aebf131c /data xfs defaults,nofail 0 2", "true", ""),
    ("UUID=1 / ext4 defaults 1 1\nUUID=2  /data  xfs  defaults,nofail  0  2", "true", ""),
    ("/dev/absent /data xfs nofail,auto 0 0", "true", ""),
    ("/dev/absent /data xfs nofail,x-systemd.device-timeout=1 0 0", "true", ""),
    ("/dev/absent /data xfs noauto 0 0", "true", ""),
    ("/dev/absent /data xfs x-systemd.automount 0 0", "true", ""),
    ("/dev/absent /data xfs noauto,x-systemd.automount 0 0", "true", ""),
    ("/dev/absent /data xfs x-systemd.wanted-by=multi-user.target 0 0", "true", ""),
    ("/dev/absent /data xfs _netdev 0 0", "true", ""),
    ("fs-1.efs.eu-west-1.amazonaws.com:/ /efs nfs4 nfsvers=4.1 0 0", "true", ""),
    ("fs-1:/ /efs efs _netdev,tls 0 0", "true", ""),
    ("//server/share /share cifs credentials=/etc/share 0 0", "true", ""),
    ("/dev/absent none swap sw 0 0\n/swapfile swap swap defaults 0 0", "true", ""),
    ("LABEL=root / ext4 defaults 0 1", "true", ""),
    ("/srv/absent /mnt none bind 0 0", "true", ""),
    ("tmpfs /tmp tmpfs size=1m 0 0\nproc /proc proc defaults 0 0", "true", ""),
    ("/etc/passwd /image auto loop 0 0", "true", ""),
    ("no line at all\n/dev/absent", "true", ""),
];

/// The script asks systemd's own generator, so this machine's systemd is what is tried here.
#[test]
fn fstab_is_judged_by_what_the_boot_would_do() {
    if !std::path::Path::new("/lib/systemd/system-generators/systemd-fstab-generator").exists() {
        std::io::Write::write_all(&mut std::io::stderr(), b"SKIPPED: there is no systemd\n")
            .unwrap();
        return;
    }
    let folder = std::env::temp_dir().join(format!("remedy-fstab-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let fstab = folder.join("table");
    let pieces = ["base", "processes", "preflight"].map(|piece| {
        std::fs::read_to_string(root().join(format!("functions/remedy-aws/ssm/{piece}.sh")))
            .unwrap()
    });
    let script = pieces.concat()
        + "\nRUN_DIR=$1 ACTION=disk-clean SSM_Mode=report
           bounded() { shift; case $1 in lsblk) echo xfs ;; *) \"$@\" ;; esac; }
           read_mounts
           look_at_fstab
           finish report 0 \"$FSTAB $FSTAB_UNFIT\"\n";
    for (text, ok, blamed) in FSTABS {
        std::fs::write(&fstab, format!("{text}\n")).unwrap();
        let environment = [("SYSTEMD_FSTAB", fstab.to_str().unwrap())];
        let said = read(&bash(&script, &[folder.as_os_str()], &environment));
        let Verdict::Said(said) = said else { panic!("{text}: {said:?}") };
        let (judged, why) = said.reason.as_str().split_once(' ').unwrap();
        assert_eq!(judged, ok, "{text}: {why}");
        assert!(why.contains(blamed) && why.is_empty() == blamed.is_empty(), "{text}: {why}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Swap cannot be filled on a machine that has none, so the kernel's words are played.
#[test]
fn memory_in_swap_is_its_unit_s() {
    let script = memory_script()
        + "\nbounded() {
             printf '/proc/%s/status:%s:\\t  %s kB\\n' 71 RssAnon 100 71 RssShmem 5000 \\
               71 VmSwap 266240 72 RssAnon 168000 72 VmSwap 0 73 RssShmem 5000 73 RssAnon 7
           }
           unit_of() { case $1 in 72) REPLY=b.service ;; *) REPLY=a.service ;; esac; }
           comm_of() { REPLY=leaky; }
           ACTION=memory-relief SSM_Mode=report
           look_at_units_memory
           name_culprit
           describe_culprit
           finish report 0 \"$REPLY\" looked\n";
    let Verdict::Said(said) = read(&bash(&script, &[], &[])) else { panic!("{script}") };
    let memory = said.memory.expect("memory");
    let culprit = memory.culprit.expect("a culprit");
    assert_eq!((culprit.kind.as_str(), culprit.name.as_str()), ("unit", "a.service"));
    // Shared memory counts once, swap counts, and the largest process is named.
    assert_eq!((culprit.kb, culprit.swap_kb), (100 + 266_240 + 7 + 5000, 266_240));
    assert_eq!((culprit.process.as_str(), culprit.pid), ("leaky", Some(71)));
    assert_eq!(memory.top_kb.len(), 2);
    assert_eq!(said.reason.as_str(), "a.service (leaky) 264 MB, 260 in swap");
}

/// What memory-pressure is made of, but for its start.
fn memory_script() -> String {
    let shared = ["base", "processes", "groups", "preflight", "evidence", "owner", "restart"]
        .map(|piece| format!("remedy-aws/ssm/{piece}"));
    let own = ["look", "relieve"].map(|piece| format!("memory-pressure/ssm/{piece}"));
    let pieces = shared.iter().chain(&own).map(|piece| source(&format!("{piece}.sh")));
    let all: String = pieces.collect();
    all.strip_suffix("\nmain\n").expect("a start").to_owned()
}

fn source(path: &str) -> String {
    std::fs::read_to_string(root().join("functions").join(path)).unwrap()
}

/// Where a script ends, it says so in a code that people can look up.
#[test]
fn every_code_that_a_script_ends_with_is_documented() {
    let codes = documented_codes();
    let mut ends = 0;
    for path in [
        "remedy-aws/ssm/base.sh",
        "remedy-aws/ssm/restart.sh",
        "memory-pressure/ssm/look.sh",
        "memory-pressure/ssm/relieve.sh",
        "high-cpu/ssm/look.sh",
        "high-cpu/ssm/relieve.sh",
    ] {
        for line in source(path).replace("\\\n", " ").lines() {
            if !line.contains("finish ") && !line.contains("REFUSAL=") {
                continue;
            }
            // The code follows the reason, which is quoted; a trap is quoted once more.
            let line = line.split("' TERM").next().unwrap();
            let behind = line.rsplit(['"', '\'']).next().unwrap().trim();
            let code = behind.trim_start_matches("REFUSAL=").split(' ').next().unwrap();
            if code.is_empty() {
                continue; // `"$REFUSAL"` hands one on, and at first there is none
            }
            assert!(codes.contains_key(code), "{path}: {code} in {line}");
            ends += 1;
        }
    }
    assert!(ends > 35, "{ends}");
}

#[test]
fn scripts_pass_shellcheck() {
    for symptom in scripted() {
        let path = std::env::temp_dir().join(format!("remedy-{symptom}-{}.sh", std::process::id()));
        std::fs::write(&path, script(symptom)).unwrap();
        // 2317: what a trap calls looks unreachable. 2015: `A && B || C` is meant, 2016: awk's
        // dollars are not the shell's, 2017: percentages are rounded on purpose.
        let checked = Command::new("shellcheck")
            .args(["-e", "SC2015,SC2016,SC2017,SC2317"])
            .arg(&path)
            .output();
        std::fs::remove_file(&path).unwrap();
        match checked {
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            }
            Err(error) => {
                std::io::Write::write_all(
                    &mut std::io::stderr(),
                    format!("SKIPPED: shellcheck: {error}\n").as_bytes(),
                )
                .unwrap();
                return;
            }
        }
    }
}
