//! What a deploy takes beyond the critical path of its stacks' own operations, with 40 ms a round trip:
//! chains, fans and random graphs. Prints figures, and asserts nothing about them:
//! `cargo bench --bench overhead`.

#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;
use std::time::Instant;

/// What a bucket takes, in seconds, times the scale: src/plan/estimate.rs.
const OPERATION: f64 = 23.0;

/// A graph: what each stack needs, by number.
type Graph = Vec<Vec<usize>>;

fn chain(length: usize) -> Graph {
    (0..length)
        .map(|n| n.checked_sub(1).into_iter().collect())
        .collect()
}

fn fan(width: usize) -> Graph {
    let mut graph: Graph = (0..width)
        .map(|n| if n == 0 { vec![] } else { vec![0] })
        .collect();
    graph.push((1..width).collect());
    graph
}

/// Each stack needs up to two of those before it, the same on every run.
fn random(count: usize) -> Graph {
    let mut seed = 7_u64;
    let mut next = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    (0..count)
        .map(|n| {
            let window = n.min(count / 4);
            let needs = (0..2).filter(|_| window > 0).map(|_| n - 1 - next(window));
            needs.collect()
        })
        .collect()
}

fn longest(graph: &Graph) -> usize {
    let mut depths = BTreeMap::new();
    for (stack, needs) in graph.iter().enumerate() {
        let depth = needs
            .iter()
            .filter_map(|need| depths.get(need))
            .max()
            .unwrap_or(&0)
            + 1;
        depths.insert(stack, depth);
    }
    depths.values().max().copied().unwrap_or_default()
}

fn write(graph: &Graph, directory: &std::path::Path, tag: &str) -> std::io::Result<()> {
    let template = "Parameters:\n  In:\n    Type: CommaDelimitedList\n    Default: none\nResources:\n  Bucket:\n    \
        Type: AWS::S3::Bucket\nOutputs:\n  Name:\n    Value: !Ref Bucket\n";
    std::fs::write(directory.join("stack.yaml"), template)?;
    let mut manifest =
        format!("project = \"bench\"\nregion = \"eu-west-1\"\ntags.round = \"{tag}\"\n");
    for (stack, needs) in graph.iter().enumerate() {
        let _ = write!(manifest, "\n[stacks.S{stack}]\ntemplate = \"stack.yaml\"\n");
        if let [first, rest @ ..] = &needs[..] {
            let _ = writeln!(manifest, "parameters.In = {{ output = \"S{first}.Name\" }}");
            let names: Vec<String> = rest.iter().map(|need| format!("\"S{need}\"")).collect();
            let _ = writeln!(manifest, "after = [{}]", names.join(", "));
        }
    }
    std::fs::write(directory.join("stacks.toml"), manifest)
}

/// A deploy's seconds, and the calls that it says it made.
fn deploy(directory: &std::path::Path, scale: f64, fault: &str) -> std::io::Result<(f64, f64)> {
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_infra"))
        .args([
            "deploy",
            "--all",
            "--local",
            "--yes",
            "--concurrency",
            "10000",
            "--fault",
            fault,
        ])
        .current_dir(directory)
        .env("INFRA_LOCAL_TIME_SCALE", scale.to_string())
        .output()?;
    let seconds = begun.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let calls = text
        .rsplit_once(" calls,")
        .and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok());
    if !output.status.success() {
        return Err(std::io::Error::other(text));
    }
    Ok((seconds, calls.unwrap_or_default()))
}

fn main() -> std::io::Result<()> {
    let latency = "call:*:slow:millis=40";
    println!(
        "{:<14}{:>7}{:>10}{:>10}{:>10}   calls a stack: create, no-op, update",
        "graph", "stacks", "critical", "deploy", "overhead"
    );
    let graphs = [
        ("chain of 5", chain(5)),
        ("fan of 50", fan(49)),
        ("random 50", random(50)),
        ("random 200", random(200)),
        ("random 1000", random(1000)),
        ("fan of 1000", fan(999)),
    ];
    // One of them alone: `cargo bench --bench overhead -- "fan of 50"`.
    let only = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    for (name, graph) in graphs
        .into_iter()
        .filter(|(name, _)| only.as_deref().is_none_or(|one| one == *name))
    {
        let directory = tempfile::tempdir()?;
        write(&graph, directory.path(), "one")?;
        let critical = longest(&graph) as f64 * OPERATION;
        let (seconds, create) = deploy(directory.path(), 1.0, latency)?;
        let (_, nothing) = deploy(directory.path(), 0.0, latency)?;
        write(&graph, directory.path(), "two")?;
        let (_, update) = deploy(directory.path(), 0.0, latency)?;
        let count = graph.len() as f64;
        println!(
            "{name:<14}{:>7}{critical:>9.1}s{seconds:>9.1}s{:>9.1}%   {:.1}, {:.1}, {:.1}",
            graph.len(),
            (seconds / critical - 1.0) * 100.0,
            create / count,
            nothing / count,
            update / count
        );
    }
    Ok(())
}
