//! `include/neural_swarm.h` is what cbindgen makes of the sources, and keeps to
//! the grammar of the ABI.

use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn header() -> String {
    std::fs::read_to_string(root().join("include/neural_swarm.h")).expect("the header is committed")
}

#[test]
fn the_committed_header_is_up_to_date() {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    // The order here is the order in the header.
    for file in [
        "version",
        "status",
        "port",
        "parallel",
        "activation",
        "net",
        "net_edit",
        "net_scale",
        "net_fann",
        "trainer_config",
        "trainer",
        "cascade",
        "dataset",
        "dataset_scale",
        "dataset_files",
        "qnet",
        "qnet_batch",
        "qnet_compare",
        "qnet16",
        "scheme",
        "kernel",
        "framer",
        "transport",
        "entropy",
        "identity",
        "link_types",
        "link",
        "channel",
        "group",
        "pq",
        "host",
        "host_key",
        "host_udp",
        "host_unix",
        "host_serial",
        "host_tcp",
        "host_listener",
        "host_tls",
        "capability",
        "revocation",
        "static_key",
        "noise",
        "noise_transport",
        "store",
        "store_list",
        "store_members",
        "store_read",
        "store_sum",
        "store_sync",
        "store_scan",
        "store_transaction",
        "store_watch",
        "store_keep",
        "host_storage",
        "raft_types",
        "raft_work",
        "raft",
        "raft_output",
        "raft_tuner",
        "lock_types",
        "locks",
        "gauge",
        "balance",
        "autoscaler",
        "route",
        "route_train",
        "host_raft",
        "host_flush",
        "plan_types",
        "plan_model",
        "plan_builder",
        "plan_builder_parts",
        "planner",
        "plan_verifier",
        "plan_state",
        "plan_learn",
        "host_plan",
        "assign",
        "task_allocator",
        "auction",
        "price_auction",
        "dag",
        "schedule",
        "workflow",
        "workflow_read",
        "host_wfcommons",
        "sharing",
        "topics",
        "requests",
        "mission_types",
        "missions",
        "node_types",
        "node",
        "host_metrics",
        "host_member_types",
        "host_member",
        "host_member_calls",
    ] {
        builder = builder.with_src(root().join(format!("src/ffi/{file}.rs")));
    }
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();
    if std::env::var_os("NSW_BLESS").is_some() {
        std::fs::write(root().join("include/neural_swarm.h"), &made).unwrap();
    }
    assert!(made == header(), "the header is stale: NSW_BLESS=1 cargo test --test header");
}

/// Functions of the header: name, and the rest from the return type on.
fn functions(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut code = String::new();
    let mut comment = false;
    for line in header.lines() {
        let trimmed = line.trim();
        comment |= trimmed.starts_with("/*");
        if !comment && !trimmed.starts_with('#') {
            code += line;
            code.push('\n');
        }
        comment &= !trimmed.ends_with("*/");
    }
    for statement in code.split(';') {
        let flat = statement.split_whitespace().filter(|w| *w != "struct");
        let flat = flat.collect::<Vec<_>>().join(" ").replace("(struct ", "(");
        let flat = flat.rsplit("extern \"C\" {").next().unwrap_or("").trim().to_owned();
        if flat.contains('{') || flat.contains('}') || flat.starts_with("typedef") {
            continue;
        }
        if let Some(name) = flat.split('(').next().and_then(|s| s.rsplit([' ', '*']).next())
            && name.starts_with("nsw_")
            && flat.contains('(')
        {
            found.push((name.to_owned(), flat.clone()));
        }
    }
    found
}

/// The opaque types of the header, without the prefix.
fn objects(header: &str) -> Vec<String> {
    let line = |line: &str| {
        let rest = line.strip_prefix("typedef struct nsw_")?;
        rest.split_once(' ')?.1.ends_with(';').then(|| rest.split(' ').next().unwrap().to_owned())
    };
    header.lines().filter_map(line).collect()
}

/// What functions without an object begin with.
const FREE: &[&str] = &[
    "capability_",
    "certificate_",
    "signature_",
    "fann_settings_",
    "frame_",
    "host_address_",
    "host_key_",
    "host_now_us",
    "host_plan_write",
    "host_unix_address",
    "host_unix_time",
    "kernel_",
    "lock_entry_",
    "log_hats",
    "member_id",
    "noise_agree",
    "noise_keypair",
    "noise_public_key",
    "plan_argument",
    "plan_is_before",
    "plan_state_features",
    "plan_why_text",
    "raft_least_message",
    "revocation_",
    "route_fill",
    "router_calibrate",
    "router_train",
    "smallest_scheme",
    "tuner_is_probe",
];

/// Objects that only hooks are given: the caller neither makes nor ends one.
const LENT: &[&str] = &["plan_state"];

/// What breaks the grammar of the ABI.
fn complaints(header: &str) -> Vec<String> {
    let mut bad = Vec::new();
    let functions = functions(header);
    let objects = objects(header);
    let has = |name: &str| functions.iter().any(|(n, _)| n == name);
    // Whether this is the place of a new object.
    let makes = |last: &str, object: &str| last.starts_with(&format!("nsw_{object} **"));
    let mut say = |name: &str, what: &str| bad.push(format!("{name}: {what}"));
    for object in objects.iter().filter(|object| !LENT.contains(&&***object)) {
        for verb in ["create", "destroy"] {
            if !has(&format!("nsw_{object}_{verb}")) {
                say(object, &format!("has no {verb}"));
            }
        }
        // An arena has no piece of its own: the caller's buffer is all of it.
        if object != "arena" && !has(&format!("nsw_{object}_footprint")) {
            say(object, "has no footprint");
        }
    }
    for (name, text) in &functions {
        let args = text.split_once('(').unwrap().1.trim_end_matches(')');
        let args: Vec<&str> = args.split(',').map(str::trim).collect();
        if ["nsw_version", "nsw_version_str", "nsw_abi_version", "nsw_status_str", "nsw_port_panic"]
            .contains(&&**name)
        {
            continue;
        }
        let inside = &name["nsw_".len()..];
        if FREE.iter().any(|prefix| inside.starts_with(prefix)) {
            if !text.starts_with("nsw_status ") {
                say(name, "returns a status");
            }
            continue;
        }
        let Some(object) = objects.iter().find(|o| inside.starts_with(&format!("{o}_"))) else {
            say(name, "belongs to no object");
            continue;
        };
        let verb = &inside[object.len() + 1..];
        let own = format!("nsw_{object} *");
        match verb {
            "destroy" => {
                if !text.starts_with("void ") || args.len() != 1 || !args[0].starts_with(&own) {
                    say(name, "is void and takes the object");
                }
                continue;
            }
            _ if !text.starts_with("nsw_status ") => say(name, "returns a status"),
            _ => {}
        }
        if verb.ends_with("footprint") {
            let made = name.trim_end_matches("_footprint");
            if verb != "footprint" && !has(made) {
                say(name, "goes in a pair with what makes the object");
            }
            if args[args.len() - 2..] != ["size_t *size", "size_t *align"] {
                say(name, "ends in size and align");
            }
        } else if makes(args.last().unwrap(), object) || verb == "create" {
            if verb != "create" && !has(&format!("{name}_footprint")) {
                say(name, "goes in a pair with its footprint");
            }
            if !args.last().unwrap().starts_with(&format!("nsw_{object} **")) {
                say(name, "ends in the object's place");
            }
            if object != "arena" && !args[args.len() - 2].starts_with("const nsw_allocator *") {
                say(name, "takes the memory before the object's place");
            }
        } else if !args[0].trim_start_matches("const ").starts_with(&own) {
            say(name, "takes its object first");
        }
        // A buffer is a pointer with its length, an output has both lengths.
        for (i, arg) in args.iter().enumerate() {
            let next = args.get(i + 1).copied().unwrap_or("");
            let numbers = ["float *", "uint8_t *", "int8_t *"];
            let single =
                ["*loss", "*weight", "*steepness", "*difference", "*work", "*meant", "*threshold"];
            // Rows that are changed in place.
            let in_place = arg.ends_with("*rows") && next.ends_with("rows_len");
            let plain = numbers.iter().any(|n| arg.starts_with(n))
                && !single.iter().any(|name| arg.ends_with(name));
            if plain
                && !in_place
                && !(next.ends_with("cap") && args.get(i + 2).is_some_and(|a| a.ends_with("len")))
            {
                say(name, &format!("`{arg}` needs a cap and a len"));
            }
            let constant = numbers.iter().any(|n| arg.starts_with(&format!("const {n}")));
            if constant && !(next.starts_with("size_t ") && next.ends_with("len")) {
                say(name, &format!("`{arg}` needs a len"));
            }
        }
        // Inputs first, outputs last.
        let output =
            |arg: &&str| arg.contains("**") || arg.contains('*') && !arg.contains("const ");
        let outputs = args.iter().skip(1).skip_while(|arg| !output(arg));
        let writes_only = outputs
            .clone()
            .all(|arg| output(arg) || arg.ends_with("cap") || arg.ends_with("rows_len"));
        // The network that is trained is in and out.
        if !writes_only && object != "trainer" && object != "cascade" {
            say(name, "has an input after an output");
        }
    }
    if let Some(line) = header.lines().find(|l| l.contains("enum ")) {
        say(line, "no C enum crosses the ABI");
    }
    bad
}

#[test]
fn the_header_keeps_to_the_grammar() {
    let header = header();
    assert!(functions(&header).len() > 30, "the functions are found");
    assert_eq!(
        objects(&header),
        [
            "arena",
            "assigner",
            "autoscaler",
            "balancer",
            "cascade",
            "cbba",
            "channel",
            "dag",
            "dataset",
            "framer",
            "gauge",
            "group",
            "host_flush",
            "host_hddl",
            "host_listener",
            "host_member",
            "host_metrics",
            "host_plan",
            "host_raft",
            "host_serial",
            "host_storage",
            "host_tcp",
            "host_tls",
            "host_udp",
            "host_unix",
            "host_wfcommons",
            "identity",
            "link",
            "locks",
            "missions",
            "net",
            "node",
            "noise",
            "plan_builder",
            "plan_model",
            "plan_state",
            "plan_verifier",
            "planner",
            "pq_answer",
            "pq_offer",
            "price_auction",
            "qnet",
            "qnet16",
            "raft",
            "requests",
            "router",
            "scheduler",
            "sharing",
            "store",
            "task_allocator",
            "topics",
            "trainer",
            "tuner",
            "workflow"
        ]
    );
    let bad = complaints(&header);
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn breaking_the_grammar_is_noticed() {
    let header = header();
    for (from, to) in [
        ("void nsw_net_destroy(struct nsw_net *net)", "int nsw_net_destroy(struct nsw_net *net)"),
        ("size_t *align", "uint32_t *align"),
        ("size_t *len", "size_t *n"),
        ("nsw_status nsw_qnet_view_footprint", "nsw_status nsw_qnet_view_foot"),
        ("nsw_status nsw_net_create", "nsw_status nsw_network_create"),
        ("typedef int32_t nsw_status;", "typedef enum nsw_status { A } nsw_status;"),
    ] {
        assert!(header.contains(from), "the header has changed: {from}");
        assert!(!complaints(&header.replace(from, to)).is_empty(), "{to}");
    }
}

#[test]
fn everything_in_the_header_is_documented() {
    let header = header();
    let lines: Vec<&str> = header.lines().collect();
    for (i, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let function = code.starts_with("nsw_status nsw_") || code.starts_with("void nsw_");
        let field = line.starts_with("  ") && code.ends_with(';') && !code.starts_with('*');
        let constant = code.starts_with("#define NSW_")
            && !code.contains("_INIT")
            && !code.contains("NSW_LAYER(")
            && !code.contains("NSW_DATA(")
            && !code.contains("NSW_RAFT_MEMBER(")
            && !code.contains("NSW_NAME(")
            && !code.contains("NSW_UNIT(");
        let structure = code.starts_with("typedef ");
        if function || field && !code.starts_with("size_t *") || constant || structure {
            let before = lines[..i].iter().rev().find(|l| !l.trim().is_empty()).unwrap();
            // Arguments of a function that spans lines end in `);`.
            let inside = code.ends_with(");") && !function && !code.contains("(*");
            assert!(inside || before.trim_end().ends_with("*/"), "line {}: {line}", i + 1);
        }
    }
}

/// A handle is known by its magic word.
#[test]
fn no_two_objects_have_the_same_magic_word() {
    let mut words = Vec::new();
    for entry in std::fs::read_dir(root().join("src/ffi")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let found = text.split("const MAGIC: u32 = ").skip(1);
        words.extend(found.map(|rest| rest.split(';').next().unwrap().to_owned()));
    }
    words.sort();
    let count = words.len();
    words.dedup();
    assert!(count > objects(&header()).len(), "{words:?}");
    assert_eq!(words.len(), count, "{words:?}");
}
