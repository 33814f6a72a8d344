//! A plan's words that make no sense, and files that are not what they should be: told with their place.

use crate::peer::{Authority, Valid, connector, folder, write};

#[test]
fn mistakes_have_a_place() {
    let (folder, authority) = (folder(), Authority::new("ours"));
    let (me, other) = (authority.issue("me.test", Valid::Now), authority.issue("other.test", Valid::Now));
    write(folder.path(), "me.pem", &me.pem);
    write(folder.path(), "me.key", &me.key_pem);
    write(folder.path(), "other.key", &other.key_pem);
    write(folder.path(), "empty.pem", "nothing here\n");
    write(folder.path(), "broken.pem", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    write(folder.path(), "odd.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (plan, message) in [
        ("tls: {ca: nowhere.pem}", "plan.yaml:1:11: FOLDER/nowhere.pem: No such file"),
        (
            "tls:\n  ca: [me.pem, empty.pem]",
            "plan.yaml:2:16: FOLDER/empty.pem: found no certificate (expected a PEM file",
        ),
        ("tls: {ca: broken.pem}", "plan.yaml:1:11: FOLDER/broken.pem: not valid PEM"),
        ("tls: {ca: odd.pem}", "plan.yaml:1:11: FOLDER/odd.pem: holds a certificate that cannot be trusted"),
        ("tls: {certificate: me.pem}", "plan.yaml:1:20: `certificate` without `key`"),
        ("tls: {key: me.key}", "plan.yaml:1:12: `key` without `certificate`"),
        ("tls: {certificate: no.pem, key: me.key}", "plan.yaml:1:20: FOLDER/no.pem: No such file"),
        ("tls: {certificate: me.pem, key: no.key}", "plan.yaml:1:33: FOLDER/no.key: No such file"),
        ("tls: {certificate: me.pem, key: me.pem}", "plan.yaml:1:33: FOLDER/me.pem: found no private key"),
        (
            "tls: {certificate: empty.pem, key: me.key}",
            "plan.yaml:1:20: FOLDER/empty.pem: found no certificate",
        ),
        ("tls: {certificate: odd.pem, key: me.key}", "plan.yaml:1:20: FOLDER/odd.pem: "),
        (
            "tls: {certificate: me.pem, key: other.key}",
            "plan.yaml:1:33: FOLDER/other.key: is not the key of the certificate in `me.pem`",
        ),
        (
            "tls: {min_version: '1.3', max_version: '1.2'}",
            "plan.yaml:1:20: found `1.3` (expected `min_version` not above",
        ),
        ("tls: {server_name: 'not a name'}", "plan.yaml:1:20: found `not a name` (expected a host name"),
        ("network: {source: 127.0.0.9..127.0.0.2}", "plan.yaml:1:19: found `127.0.0.9..127.0.0.2`"),
        ("network: {source: [127.0.0.2, somewhere]}", "plan.yaml:1:31: found `somewhere`"),
        ("network: {source: 10.0.0.0..10.2.0.0}", "plan.yaml:1:19: "),
        (
            "network: {resolve: {shop.test: 127.0.0.1}}",
            "plan.yaml:1:21: found `shop.test` (expected `host:port`",
        ),
        (
            "network: {resolve: {'shop.test:80': nowhere}}",
            "plan.yaml:1:37: found `nowhere` (expected an address",
        ),
        ("network: {connect_timeout: soon}", "plan.yaml:1:28: found `soon` (expected a duration"),
    ] {
        let told = connector(plan, folder.path(), &[]).expect_err(plan);
        let expected = message.replace("FOLDER", &folder.path().display().to_string());
        assert!(told.starts_with(&expected), "{plan}\n{told}\n{expected}");
    }
    connector("tls: {certificate: me.pem, key: me.key}", folder.path(), &[]).expect("a pair");
}
