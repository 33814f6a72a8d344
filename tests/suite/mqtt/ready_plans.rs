//! The ready plans of `plans/mqtt`, small, against a real Mosquitto.

use std::path::Path;

use crate::binary::Prony;
use crate::mosquitto::{Mosquitto, Options};

