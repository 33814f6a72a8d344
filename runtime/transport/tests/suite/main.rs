//! The connector against peers made here: whom it trusts, what it agrees on, and how it fails.

mod address;
mod agreement;
mod peer;
mod trust;
mod words;
