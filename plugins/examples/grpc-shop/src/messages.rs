//! Messages of `prony.demo.v1.Shop`, as far as they are used here. They could as well be made by prost-build from the .proto file.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GetItem {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Item {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    /// In cents.
    #[prost(uint32, tag = "3")]
    pub(crate) price: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AddItem {
    #[prost(uint64, tag = "1")]
    pub(crate) item_id: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) quantity: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Added {
    #[prost(string, tag = "1")]
    pub(crate) order_id: String,
    #[prost(uint64, tag = "2")]
    pub(crate) total: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PlaceOrder {
    #[prost(string, tag = "1")]
    pub(crate) order_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Placed {
    #[prost(uint64, tag = "4")]
    pub(crate) total: u64,
    #[prost(int32, tag = "5")]
    pub(crate) state: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChatLine {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) payload: Vec<u8>,
    /// After how many further lines it is answered.
    #[prost(uint32, tag = "3")]
    pub(crate) hold: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChatReply {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(uint64, tag = "3")]
    pub(crate) sequence: u64,
}
