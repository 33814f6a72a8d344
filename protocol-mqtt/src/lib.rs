//! MQTT for Prony.
