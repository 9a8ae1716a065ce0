//! A campaign of faults: at every call of a deploy, an update and a destroy of the shipped stacks, each
//! kind of fault once. Afterwards the same command succeeds, and what is there and what was done are the
//! undisturbed run's. INFRA_CAMPAIGN_STRIDE=1 tries every call, a larger one only some of them.
//!
//! Then several faults in a run, and in the runs that come after it, drawn by lot: INFRA_CAMPAIGN_RUNS says
//! how often, INFRA_CAMPAIGN_SEED where the lots begin. A failure names its seed.

use crate::sandbox::{DESTROY, Dice, Sandbox, ran};

/// What happens at a call; a kill before it has any effect, and after that is on disk.
const FAULTS: [&str; 9] = [
    "throttle:",
    "error:",
    "reset:",
    "lost:",
    "garbage:",
    "expired:",
    "hang:",
    "kill:",
    "kill:when=after,",
];

/// A command, and what makes the state that it starts from.
struct Scenario {
    name: &'static str,
    command: &'static [&'static str],
    before: fn() -> Sandbox,
}

const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "deploy",
        command: &["deploy", "--all", "--local", "--yes"],
        before: Sandbox::shipped,
    },
    Scenario {
        name: "update",
        command: &["deploy", "--all", "--local", "--yes"],
        before: || {
            let sandbox = deployed();
            sandbox.edit(
                "templates/base-infra.yaml",
                "Description:",
                "Description: Changed,",
            );
            sandbox.edit(
                "stacks.toml",
                "[stacks.LambdaStack]",
                "[stacks.LambdaStack]\ntags.Campaign = \"yes\"",
            );
            sandbox
        },
    },
    Scenario {
        name: "destroy",
        command: &DESTROY,
        before: deployed,
    },
];

fn deployed() -> Sandbox {
    let sandbox = Sandbox::shipped();
    run(&sandbox, SCENARIOS[0].command, &[]).code(0);
    sandbox
}

fn run(sandbox: &Sandbox, command: &[&str], more: &[&str]) -> crate::sandbox::Ran {
    let mut command = sandbox.command(&[command, more].concat());
    command
        .env("INFRA_LOCAL_TIME_SCALE", "0")
        .env("INFRA_CALL_TIMEOUT", "1");
    ran(command.output().unwrap())
}

/// The calls that an undisturbed run made, as its last line says.
fn calls(text: &str) -> usize {
    let (before, _) = text.rsplit_once(" calls,").unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

fn disturbed(scenario: &Scenario, stride: usize) -> usize {
    let undisturbed = (scenario.before)();
    let base = undisturbed.copy();
    let calm = run(&undisturbed, scenario.command, &[]).code(0);
    let (wanted, count) = (undisturbed.summary(), calls(&calm.err));
    let mut runs = 0;
    for (kind, fault) in FAULTS.iter().enumerate() {
        // Each kind begins at a call of its own, so that a stride leaves no call out for all of them.
        for at in (1 + kind % stride..=count).step_by(stride) {
            let sandbox = base.copy();
            let rule = format!("call:*:{fault}at={at}");
            let first = run(&sandbox, scenario.command, &["--fault", &rule]);
            if first.code != 0 {
                let again = run(&sandbox, scenario.command, &[]);
                assert_eq!(
                    again.code, 0,
                    "{} {rule}:\n{}\n{}",
                    scenario.name, first.err, again.err
                );
            }
            assert_eq!(
                sandbox.summary(),
                wanted,
                "{} {rule}:\n{}",
                scenario.name,
                first.err
            );
            runs += 1;
        }
    }
    runs
}

fn number(variable: &str, otherwise: usize) -> usize {
    let given = std::env::var(variable).ok();
    given
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

/// One to three faults at calls that are drawn by lot.
fn lots(dice: &mut Dice, calls: usize) -> Vec<String> {
    let fault = |dice: &mut Dice| {
        let (kind, at) = (FAULTS[dice.of(FAULTS.len())], 1 + dice.of(calls));
        format!("call:*:{kind}at={at}")
    };
    (0..=dice.of(3)).map(|_| fault(dice)).collect()
}

/// A disturbed run, up to two more that are disturbed as well, and one that is not.
fn beset(scenario: &Scenario, base: &Sandbox, wanted: &[String], calls: usize, seed: u64) {
    let (sandbox, mut dice) = (base.copy(), Dice(seed));
    let mut told = Vec::new();
    for _ in 0..=dice.of(3) {
        let rules = lots(&mut dice, calls);
        let faults: Vec<&str> = rules
            .iter()
            .flat_map(|rule| ["--fault", rule.as_str()])
            .collect();
        let disturbed = run(&sandbox, scenario.command, &faults);
        told.push(format!("{rules:?}: {}\n{}", disturbed.code, disturbed.err));
        if disturbed.code == 0 {
            break;
        }
    }
    let again = run(&sandbox, scenario.command, &[]);
    let told = format!("{} seed {seed}:\n{}", scenario.name, told.join("\n"));
    assert_eq!(again.code, 0, "{told}\n{}", again.err);
    assert_eq!(sandbox.summary(), wanted, "{told}");
}

#[test]
fn several_calls_of_several_runs_may_fail() {
    let runs = number("INFRA_CAMPAIGN_RUNS", 9);
    let first = number("INFRA_CAMPAIGN_SEED", 1);
    std::thread::scope(|scope| {
        for (turn, scenario) in SCENARIOS.iter().enumerate() {
            scope.spawn(move || {
                let undisturbed = (scenario.before)();
                let base = undisturbed.copy();
                let calm = run(&undisturbed, scenario.command, &[]).code(0);
                let (wanted, count) = (undisturbed.summary(), calls(&calm.err));
                for seed in (first..first + runs).filter(|seed| seed % SCENARIOS.len() == turn) {
                    beset(scenario, &base, &wanted, count, seed as u64);
                }
            });
        }
    });
}

#[test]
fn every_call_of_a_run_may_fail() {
    let stride = number("INFRA_CAMPAIGN_STRIDE", 41);
    let runs: usize = std::thread::scope(|scope| {
        let each = SCENARIOS
            .iter()
            .map(|scenario| scope.spawn(move || disturbed(scenario, stride)));
        let started: Vec<_> = each.collect();
        started.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert!(runs > 10, "{runs}");
    println!("{runs} disturbed runs");
}
