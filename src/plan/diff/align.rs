//! Lists, item by item.

use super::super::resolve::call;
use super::{opaque, same, scalar, union};
use serde_json::Value;

/// The largest pair of lists that is aligned; larger ones are compared place by place.
const ALIGNABLE: usize = 250_000;

/// List items that share less than this of their leaves are two items, not one that changed.
const ALIKE: f64 = 0.3;

/// What pairing two unlike scalars is worth: more than nothing, less than any real likeness.
const REPLACED: f64 = 1e-6;

/// A place in the list before and one in the list after; one of them when nothing answers it.
type Pair = (Option<usize>, Option<usize>);

/// Pairs the items of two lists so that as much as possible stays what it was: equal items first,
/// then like ones. An insertion is then one difference, not one for every item behind it.
pub(super) fn align(old: &[Value], new: &[Value]) -> Vec<Pair> {
    let head = old.iter().zip(new).take_while(|(a, b)| same(a, b)).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| same(a, b))
        .count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let pairs = if old.len().saturating_mul(new.len()) > ALIGNABLE {
        let place = |items: &[Value], i: usize| (i < items.len()).then_some(i);
        (0..old.len().max(new.len()))
            .map(|i| (place(old, i), place(new, i)))
            .collect()
    } else {
        best_fit(old, new)
    };
    let shift = |place: Option<usize>| place.map(|i| i + head);
    pairs
        .into_iter()
        .map(|(left, right)| (shift(left), shift(right)))
        .collect()
}

/// The alignment of the greatest total likeness, in the order of both lists.
fn best_fit(old: &[Value], new: &[Value]) -> Vec<Pair> {
    let width = new.len() + 1;
    let likes: Vec<f64> = old
        .iter()
        .flat_map(|a| new.iter().map(|b| likeness(a, b)))
        .collect();
    let like = |i: usize, j: usize| likes[i * new.len() + j];
    // best[i][j]: the most that old[i..] and new[j..] can share.
    let mut best = vec![0.0_f64; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let skip = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            best[i * width + j] = skip.max(like(i, j) + best[(i + 1) * width + j + 1]);
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        let here = best[i * width + j];
        let paired = like(i, j) + best[(i + 1) * width + j + 1];
        if like(i, j) > 0.0 && paired >= here {
            pairs.push((Some(i), Some(j)));
            (i, j) = (i + 1, j + 1);
        } else if best[(i + 1) * width + j] >= here {
            pairs.push((Some(i), None));
            i += 1;
        } else {
            pairs.push((None, Some(j)));
            j += 1;
        }
    }
    pairs.extend((i..old.len()).map(|i| (Some(i), None)));
    pairs.extend((j..new.len()).map(|j| (None, Some(j))));
    pairs
}

/// How much two list items are the same thing: 1 equal, 0 not to be paired.
fn likeness(a: &Value, b: &Value) -> f64 {
    if same(a, b) {
        return 1.0;
    }
    let leaf = |value: &Value| scalar(value).is_some() || call(value).is_some();
    if leaf(a) && leaf(b) {
        return REPLACED;
    }
    let (shared, all) = shared_leaves(a, b);
    // An equal pair must outweigh any two like ones, or a longest common run would be given up.
    if all > 0.0 && shared / all >= ALIKE {
        shared / all / 2.5
    } else {
        0.0
    }
}

/// The leaves that two values share, and those that either has.
fn shared_leaves(a: &Value, b: &Value) -> (f64, f64) {
    let add = |(s, t): (f64, f64), (ds, dt): (f64, f64)| (s + ds, t + dt);
    match (a, b) {
        (Value::Object(old), Value::Object(new)) if !opaque(a, b) => union(old, new)
            .map(|key| match (old.get(key), new.get(key)) {
                (Some(left), Some(right)) => shared_leaves(left, right),
                (one, other) => (0.0, one.or(other).map_or(0.0, leaves)),
            })
            .fold((0.0, 0.0), add),
        (Value::Array(old), Value::Array(new)) => {
            let both = old
                .iter()
                .zip(new)
                .map(|(left, right)| shared_leaves(left, right));
            let rest = old.iter().skip(new.len()).chain(new.iter().skip(old.len()));
            both.chain(rest.map(|item| (0.0, leaves(item))))
                .fold((0.0, 0.0), add)
        }
        _ if same(a, b) => (leaves(a), leaves(a)),
        _ => (0.0, leaves(a).max(leaves(b))),
    }
}

fn leaves(value: &Value) -> f64 {
    match value {
        Value::Object(map) => map.values().map(leaves).sum(),
        Value::Array(items) => items.iter().map(leaves).sum(),
        _ => 1.0,
    }
}
