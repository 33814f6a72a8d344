//! Functions that plan steps use: to make the next message, or to judge an answer.

use serde::de::DeserializeOwned;

use crate::{Message, Problem, Reply, Result, User, config};

/// Makes what a step sends: `generate: {plugin: ./x.wasm, function: NAME, config: {…}}`.
pub trait Generate: Sized + 'static {
    /// What the plan's `config:` holds. A plan without one is read as an empty map.
    type Config: DeserializeOwned;

    /// Makes the function for one use in a plan, once for each instance of the plugin.
    ///
    /// # Errors
    /// When the configuration is wrong in a way its type does not tell.
    fn configure(config: Self::Config) -> Result<Self, Problem>;

    /// The next message.
    ///
    /// # Errors
    /// One fails the request, which is not sent then.
    fn generate(&mut self, user: &User) -> Result<Message>;
}

/// Judges an answer: `validate: {plugin: ./x.wasm, function: NAME, config: {…}}`.
pub trait Validate: Sized + 'static {
    /// What the plan's `config:` holds. A plan without one is read as an empty map.
    type Config: DeserializeOwned;

    /// Makes the function for one use in a plan, once for each instance of the plugin.
    ///
    /// # Errors
    /// When the configuration is wrong in a way its type does not tell.
    fn configure(config: Self::Config) -> Result<Self, Problem>;

    /// Judges an answer.
    ///
    /// # Errors
    /// One fails the request, like a check that does not hold.
    fn validate(&mut self, reply: &Reply) -> Result;
}

/// Makes a component of functions by name. The comment before each is what `prony plugin check` says of it.
///
/// ```
/// use prony_plugin::prelude::*;
///
/// struct Counted(u64);
///
/// impl Generate for Counted {
///     type Config = NoConfig;
///
///     fn configure(_config: NoConfig) -> Result<Self, Problem> {
///         Ok(Self(0))
///     }
///
///     fn generate(&mut self, user: &User) -> Result<Message> {
///         self.0 += 1;
///         Message::json(&json!({"user": user.id(), "number": self.0}))
///     }
/// }
///
/// prony_plugin::request! {
///     /// Numbers its messages from 1.
///     "counted" => generate Counted,
/// }
/// # fn main() {}
/// ```
///
/// A word before the type says what it is for: `generate`, `validate`, or `both` for a type that has both traits and one
/// `Config`, of which `Generate::configure` is called. A crate has one list. On targets that are no components it makes
/// nothing, so that tests run anywhere.
#[macro_export]
macro_rules! request {
    ($($(#[doc = $about:literal])* $name:literal => $kind:ident $function:ty),+ $(,)?) => {
        const _: () = {
            const FUNCTIONS: &[$crate::function::Entry] = &[
                $($crate::function::Entry::$kind::<$function>($name, ::std::concat!($($about),*))),+
            ];
            const _: &[$crate::function::Entry] = FUNCTIONS;

            #[cfg(target_family = "wasm")]
            const _: () = {
                struct Component;

                ::std::thread_local! {
                    static USES: $crate::component::Uses = const { $crate::component::Uses::new(FUNCTIONS) };
                }

                impl $crate::component::FunctionsGuest for Component {
                    fn describe() -> ::std::vec::Vec<$crate::component::Description> {
                        $crate::component::describe(FUNCTIONS)
                    }

                    fn configure(
                        function: ::std::string::String,
                        config: ::std::string::String,
                    ) -> ::std::result::Result<u32, $crate::component::WireProblem> {
                        USES.with(|uses| uses.configure(&function, &config))
                    }

                    fn generate(
                        number: u32,
                    ) -> ::std::result::Result<$crate::component::WireMessage, ::std::string::String> {
                        USES.with(|uses| uses.generate(number))
                    }

                    fn validate(
                        number: u32,
                        answer: $crate::component::WireReply,
                    ) -> ::std::result::Result<(), ::std::string::String> {
                        USES.with(|uses| uses.validate(number, answer))
                    }
                }

                $crate::component::export_request!(Component with_types_in $crate::component::request);
            };
        };
    };
}

/// A function that is in use, whatever its type.
#[doc(hidden)]
pub trait Function {
    /// See [`Generate::generate`].
    fn generate(&mut self, user: &User) -> Result<Message>;
    /// See [`Validate::validate`].
    fn validate(&mut self, reply: &Reply) -> Result;
}

/// A function that steps can name.
#[doc(hidden)]
#[derive(Debug)]
pub struct Entry {
    /// Its name in plans.
    pub name: &'static str,
    /// What it is for.
    pub kinds: &'static [&'static str],
    /// One sentence for people, with spaces around it.
    pub about: &'static str,
    /// Makes it for one use.
    pub configure: fn(&str) -> Result<Box<dyn Function>, Problem>,
}

impl Entry {
    /// A generator.
    #[must_use]
    pub const fn generate<G: Generate>(name: &'static str, about: &'static str) -> Self {
        let configure = |json: &str| {
            let function = G::configure(config::parse(json)?)?;
            Ok(Box::new(Generator(function)) as Box<dyn Function>)
        };
        Self { name, kinds: &["generate"], about, configure }
    }

    /// A validator.
    #[must_use]
    pub const fn validate<V: Validate>(name: &'static str, about: &'static str) -> Self {
        let configure = |json: &str| {
            let function = V::configure(config::parse(json)?)?;
            Ok(Box::new(Validator(function)) as Box<dyn Function>)
        };
        Self { name, kinds: &["validate"], about, configure }
    }

    /// Both in one.
    #[must_use]
    pub const fn both<B>(name: &'static str, about: &'static str) -> Self
    where
        B: Generate + Validate<Config = <B as Generate>::Config>,
    {
        let configure = |json: &str| {
            let function = <B as Generate>::configure(config::parse(json)?)?;
            Ok(Box::new(Both(function)) as Box<dyn Function>)
        };
        Self { name, kinds: &["generate", "validate"], about, configure }
    }
}

struct Generator<G>(G);
struct Validator<V>(V);
struct Both<B>(B);

impl<G: Generate> Function for Generator<G> {
    fn generate(&mut self, user: &User) -> Result<Message> {
        self.0.generate(user)
    }

    fn validate(&mut self, _reply: &Reply) -> Result {
        Err("this function makes messages and judges no answers")?
    }
}

impl<V: Validate> Function for Validator<V> {
    fn generate(&mut self, _user: &User) -> Result<Message> {
        Err("this function judges answers and makes no messages")?
    }

    fn validate(&mut self, reply: &Reply) -> Result {
        self.0.validate(reply)
    }
}

impl<B: Generate + Validate> Function for Both<B> {
    fn generate(&mut self, user: &User) -> Result<Message> {
        Generate::generate(&mut self.0, user)
    }

    fn validate(&mut self, reply: &Reply) -> Result {
        Validate::validate(&mut self.0, reply)
    }
}
