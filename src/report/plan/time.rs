//! How long a plan takes, as text.

use super::Line;
use crate::plan::Plan;

/// Seconds as a person says them.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..=90 => format!("{seconds} s"),
        _ => format!("{} min", (seconds + 30) / 60),
    }
}

/// How long each stack takes, and which stand on the critical path; nothing where it is one stack, whose
/// time the plan's last sentence says.
pub fn times(plan: &Plan) -> Vec<Line> {
    let Some(times) = &plan.times else {
        return vec![];
    };
    let busy = |stack: &String| {
        times
            .stacks
            .get(stack)
            .copied()
            .filter(|seconds| *seconds > 0)
    };
    if times.stacks.keys().filter_map(busy).count() < 2 {
        return vec![];
    }
    let widest = times.stacks.keys().map(String::len).max().unwrap_or(0);
    let lines = plan.steps.iter().filter_map(|step| {
        let seconds = busy(&step.stack)?;
        let critical = match times.path.contains(&step.stack) {
            true => ", on the critical path",
            false => "",
        };
        Some(format!(
            "{:widest$}  {}{critical}",
            step.stack,
            duration(seconds)
        ))
    });
    let source = match times.measured {
        true => "as earlier runs took",
        false => "with typical times where no earlier run tells",
    };
    let whole = format!("{} in all, {source}", duration(times.seconds));
    let lines = lines.chain([whole]);
    lines.map(|words| Line::new(1, "", words)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_a_person_says_them() {
        assert_eq!(
            [5, 90, 91, 149, 3600].map(duration),
            ["5 s", "90 s", "2 min", "2 min", "60 min"]
        );
    }
}
