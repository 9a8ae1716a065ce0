//! Which bucket and key a request or a URL is about.

use crate::local::query::decode;

/// The bucket and the key, both empty where none is named, of a request to this host: the bucket
/// stands in front of the host's name, or first in the path.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>
pub fn of_request(host: &str, path: &str) -> (String, String) {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (bucket, key) = match in_host(host) {
        Some(bucket) => (bucket, path),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    (decode(bucket, false), decode(key, false))
}

/// The bucket and the key that a URL names, if it names both.
pub fn of_url(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let path = path.split('?').next().unwrap_or(path);
    let (bucket, key) = if scheme == "s3" {
        (decode(host, false), decode(path, false))
    } else {
        of_request(host, path)
    };
    (is_bucket_name(&bucket) && !key.is_empty()).then_some((bucket, key))
}

fn in_host(host: &str) -> Option<&str> {
    let host = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(host, _)| host);
    // `bucket.s3.eu-west-1.amazonaws.com`, the older `bucket.s3-eu-west-1.amazonaws.com`, and what
    // clients make of an endpoint that is `localhost`.
    let service = [".s3.", ".s3-", ".localhost"]
        .iter()
        .filter_map(|mark| host.find(mark))
        .min()?;
    host.get(..service).filter(|bucket| !bucket.is_empty())
}

/// Whether a bucket can be called that.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
pub fn is_bucket_name(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && !name.contains("..")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
        && [name.bytes().next(), name.bytes().last()]
            .iter()
            .all(|end| end.is_some_and(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_in_the_host_or_in_the_path() {
        for (host, path) in [
            ("127.0.0.1:4566", "/shop/a/b%20c"),
            ("localhost:4566", "/shop/a/b%20c"),
            ("shop.localhost:4566", "/a/b%20c"),
            ("shop.s3.eu-west-1.amazonaws.com", "/a/b%20c"),
            ("shop.s3-eu-west-1.amazonaws.com", "/a/b%20c"),
            ("s3.eu-west-1.amazonaws.com", "/shop/a/b%20c"),
        ] {
            assert_eq!(
                of_request(host, path),
                ("shop".to_owned(), "a/b c".to_owned()),
                "{host}"
            );
        }
        assert_eq!(of_request("127.0.0.1", "/"), (String::new(), String::new()));
    }

    #[test]
    fn a_url_names_a_bucket_and_a_key() {
        let both = Some(("shop".to_owned(), "a/b.json".to_owned()));
        for url in [
            "http://127.0.0.1:1/shop/a/b.json?versionId=1",
            "https://shop.s3.eu-west-1.amazonaws.com/a/b.json",
            "https://s3.amazonaws.com/shop/a/b.json",
            "s3://shop/a/b.json",
        ] {
            assert_eq!(of_url(url), both, "{url}");
        }
        assert_eq!(of_url("https://127.0.0.1/../etc/passwd"), None);
        assert_eq!(of_url("http://127.0.0.1:1/shop"), None);
    }
}
