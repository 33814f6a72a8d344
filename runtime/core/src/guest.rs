//! What becomes of guests, for those who count it.

/// Why a guest was ended. Closed on purpose: results of different runs can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GuestEnd {
    /// It trapped: a panic, an access out of bounds, a division by zero, a stack that is full.
    Trap,
    /// It computed longer without giving control back than its slice allows.
    Slice,
    /// It computed longer in one call than allowed.
    Call,
    /// It wanted more memory or larger tables than allowed.
    Memory,
    /// It asked to end the process.
    Exit,
    /// It misused the host's functions, or waited where it must not.
    Misuse,
}

impl GuestEnd {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [Self::Trap, Self::Slice, Self::Call, Self::Memory, Self::Exit, Self::Misuse];

    /// The word used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Slice => "slice",
            Self::Call => "call",
            Self::Memory => "memory",
            Self::Exit => "exit",
            Self::Misuse => "misuse",
        }
    }
}

/// Something that happened to a scenario's guests on one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestEvent {
    /// An instance was made; after a trap it replaces the one that is gone.
    Made,
    /// An instance was ended for this reason.
    Ended(GuestEnd),
    /// So many users beside the culprit lost their iteration with it.
    Lost(u32),
    /// A guest computed for so many nanoseconds at a stretch: from when it was given control to when it gave it back, time in
    /// the host's functions left out.
    Ran(u64),
    /// All guests of the scenario on this worker have so many bytes of memory now.
    Memory(u64),
    /// So many lines of the log were beyond the limit and left out.
    LogDropped(u32),
    /// So many values of metrics were not counted: too many names, another kind or unit.
    MetricDropped(u32),
}
