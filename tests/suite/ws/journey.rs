//! One user across protocols: log in over HTTP, listen over WebSocket, publish over MQTT, and see it come through the bridge.

use super::run;
use crate::binary::Served;

#[test]
fn from_a_login_to_a_publish_to_its_receipt() {
    let served = Served::with_bridge();
    let plan = format!(
        r#"
target: {{http: "{}", mqtt: "{}", ws: TARGET}}
mqtt: {{version: "5"}}
scenarios:
  main:
    load: {{users: 5, iterations: 10}}
    on_failure: end_iteration
    steps:
      - http: {{post: /login, json: {{user: "u{{{{user.id}}}}", password: secret}}}}
        capture: {{token: json $.token}}
      - ws: {{connect: "/bridge?topic=customers/{{{{user.id}}}}/orders&token={{{{token}}}}"}}
      - mqtt: {{publish: "customers/{{{{user.id}}}}/orders", qos: 1, json: {{order: "{{{{user.id}}}}-{{{{iteration}}}}"}}}}
        name: order
      - ws: {{receive: true, timeout: 10s}}
        name: order seen
        where: json $.payload.order == {{{{user.id}}}}-{{{{iteration}}}}
        since: order
        check: json $.topic == customers/{{{{user.id}}}}/orders
thresholds:
  - "main / order seen: response_time.max < 10s"
"#,
        served.http(),
        served.mqtt(),
    );
    let ran = run(served.ws(), &plan);
    ran.assert_clean("the journey");
    assert_eq!(ran.step("order seen")["requests"], 50, "{}", ran.stdout);
}
