//! The shop: items, orders, an echo, and the streams. It keeps no state, so it holds none for anybody.

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use prony_transport::target::Alarm;
use send_wrapper::SendWrapper;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::generated::shop_server::Shop;
use super::generated::{
    AddItemReply, AddItemRequest, ChatMessage, EchoReply, EchoRequest, GetItemRequest, Item, OrderState,
    PlaceOrderReply, PlaceOrderRequest, UploadChunk, UploadReply, WatchRequest,
};
use super::streams::{Chat, Watch};

/// The most of one item in an order.
const MOST: u32 = 1_000;

/// The longest payload to order, in bytes.
pub(super) const LONGEST: u32 = 16_000_000;

/// Keys of metadata that come back as trailers.
const TRAILER: &str = "trailer-";

/// Trailers of a call that goes well, in the extensions of its reply: tonic has no place for them.
#[derive(Clone, Debug)]
pub(super) struct Trailers(pub(super) HeaderMap);

/// Answers the calls of a thread.
pub(super) struct ShopCalls {
    alarm: SendWrapper<Rc<Alarm>>,
}

impl ShopCalls {
    /// `alarm` is this thread's, and so are the calls.
    pub(super) fn new(alarm: &Rc<Alarm>) -> Self {
        Self { alarm: SendWrapper::new(Rc::clone(alarm)) }
    }
}

#[tonic::async_trait]
impl Shop for ShopCalls {
    type WatchStream = Watch;
    type ChatStream = Chat;

    async fn get_item(&self, request: Request<GetItemRequest>) -> Result<Response<Item>, Status> {
        Ok(Response::new(item(request.into_inner().id)?))
    }

    async fn add_item(&self, request: Request<AddItemRequest>) -> Result<Response<AddItemReply>, Status> {
        let AddItemRequest { item_id, quantity } = request.into_inner();
        let item = item(item_id)?;
        if !(1..=MOST).contains(&quantity) {
            return Err(Status::invalid_argument(format!(
                "quantity: expected 1 to {MOST}, found {quantity}"
            )));
        }
        let total = u64::from(item.price) * u64::from(quantity);
        Ok(Response::new(AddItemReply { order_id: order_id(item_id, quantity), total }))
    }

    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderReply>, Status> {
        let order_id = request.into_inner().order_id;
        let (item, quantity) = order(&order_id).ok_or_else(|| {
            Status::not_found(format!("no order {order_id:?}: expected an order_id that AddItem returned"))
        })?;
        Ok(Response::new(PlaceOrderReply {
            order_id,
            quantity,
            total: u64::from(item.price) * u64::from(quantity),
            item: Some(item),
            state: OrderState::Placed.into(),
        }))
    }

    async fn echo(&self, request: Request<EchoRequest>) -> Result<Response<EchoReply>, Status> {
        let (metadata, mut extensions, EchoRequest { payload, text, reply_size }) = request.into_parts();
        let payload = match reply_size {
            0 => payload,
            1..=LONGEST => Bytes::from(vec![0; reply_size as usize]),
            _ => {
                return Err(Status::invalid_argument(format!(
                    "reply_size: expected at most {LONGEST}, found {reply_size}"
                )));
            }
        };
        let (headers, trailers) = echoed(metadata);
        extensions.clear();
        extensions.insert(Trailers(trailers));
        Ok(Response::from_parts(MetadataMap::from_headers(headers), EchoReply { payload, text }, extensions))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Watch>, Status> {
        let request = request.into_inner();
        if request.size > LONGEST {
            return Err(Status::invalid_argument(format!(
                "size: expected at most {LONGEST}, found {}",
                request.size
            )));
        }
        Ok(Response::new(Watch::new(&request, Rc::clone(&self.alarm))))
    }

    async fn upload(
        &self,
        request: Request<Streaming<UploadChunk>>,
    ) -> Result<Response<UploadReply>, Status> {
        let mut chunks = request.into_inner();
        let mut reply = UploadReply::default();
        while let Some(chunk) = chunks.message().await? {
            reply.messages += 1;
            reply.bytes += chunk.data.len() as u64;
        }
        Ok(Response::new(reply))
    }

    async fn chat(&self, request: Request<Streaming<ChatMessage>>) -> Result<Response<Chat>, Status> {
        Ok(Response::new(Chat::new(request.into_inner())))
    }
}

fn item(id: u64) -> Result<Item, Status> {
    if id == 0 {
        return Err(Status::not_found("no item 0: ids are whole numbers from 1 on"));
    }
    let price = 100 + (id.wrapping_mul(37) % 9_900) as u32;
    let sort = if id.is_multiple_of(2) { "even" } else { "odd" };
    Ok(Item { id, name: format!("Item {id}"), price, tags: vec!["demo".to_owned(), sort.to_owned()] })
}

/// What an order is of, and a sum over that. It guards nothing: it only lets any thread of any target tell whether an id
/// is one that AddItem would give.
fn order_id(item_id: u64, quantity: u32) -> String {
    let order = format!("{item_id}-{quantity}");
    // FNV-1a, 32 bits.
    let sum =
        order.bytes().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{order}-{sum:08x}")
}

fn order(id: &str) -> Option<(Item, u32)> {
    let mut parts = id.splitn(3, '-');
    let item_id: u64 = parts.next()?.parse().ok()?;
    let quantity: u32 = parts.next()?.parse().ok()?;
    (order_id(item_id, quantity) == id).then(|| item(item_id).ok()).flatten().map(|item| (item, quantity))
}

/// The metadata that comes back, as headers and as trailers.
fn echoed(metadata: MetadataMap) -> (HeaderMap, HeaderMap) {
    let (mut headers, mut trailers) = (HeaderMap::new(), HeaderMap::new());
    let sent = metadata.into_headers();
    for (name, value) in &sent {
        if is_custom(name) {
            let back = if name.as_str().starts_with(TRAILER) { &mut trailers } else { &mut headers };
            back.append(name.clone(), value.clone());
        }
    }
    (headers, trailers)
}

fn is_custom(name: &HeaderName) -> bool {
    let name = name.as_str();
    let reserved = ["te", "content-type", "content-length", "user-agent", "accept-encoding", "date"];
    !name.starts_with("grpc-") && !name.starts_with("prony-") && !reserved.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_known_by_its_id_and_no_other_is() {
        let id = order_id(7, 3);
        let (item, quantity) = order(&id).expect("an order");
        assert_eq!((item.id, item.price, quantity), (7, 359, 3));
        for wrong in ["", "7", "7-3", "7-3-00000000", "+7-3-00000000", "made up", &id.replace('7', "8")] {
            assert_eq!(order(wrong), None, "{wrong}");
        }
    }
}
