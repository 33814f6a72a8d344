//! A user's cookies. A jar costs nothing until the first cookie comes.

use std::cell::RefCell;
use std::rc::Rc;

use cookie_store::CookieStore;
use send_wrapper::SendWrapper;
use url::Url;

/// The jar of one user, shared by its sessions.
pub(crate) type SharedJar = SendWrapper<Rc<RefCell<Jar>>>;

/// An empty jar.
pub(crate) fn new_jar() -> SharedJar {
    SendWrapper::new(Rc::default())
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Jar {
    store: Option<Box<CookieStore>>,
}

impl Jar {
    /// Whether there is nothing to send to anybody.
    pub(crate) fn is_empty(&self) -> bool {
        self.store.is_none()
    }

    /// Takes a `Set-Cookie` value in; one that makes no sense is ignored, as browsers do.
    pub(crate) fn take(&mut self, value: &str, from: &Url) {
        let store = self.store.get_or_insert_with(Box::default);
        let _ = store.parse(value, from);
    }

    /// The `Cookie` value for a request to `to`.
    pub(crate) fn header(&self, to: &Url) -> Option<String> {
        let pairs: Vec<String> = self
            .store
            .as_ref()?
            .get_request_values(to)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_back_where_they_belong() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let mut jar = Jar::default();
        assert!(jar.is_empty());
        jar.take("id=7; Path=/shop", &url("http://shop.test/shop/cart"));
        jar.take("theme=dark", &url("http://shop.test/"));
        jar.take("secret=1; Secure", &url("http://shop.test/"));
        assert_eq!(jar.header(&url("http://shop.test/about")), Some("theme=dark".to_owned()));
        let shop = jar.header(&url("http://shop.test/shop/x")).expect("cookies");
        assert!(shop.contains("id=7") && shop.contains("theme=dark"), "{shop}");
        assert_eq!(jar.header(&url("http://other.test/")), None);
        jar.take("theme=; Max-Age=0", &url("http://shop.test/"));
        assert_eq!(jar.header(&url("http://shop.test/about")), None);
    }
}
