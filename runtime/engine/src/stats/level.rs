//! Something that goes up and down on a worker: busy users, a guest's memory.

/// How much there is now, and the most there was since somebody last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) now: u64,
    pub(crate) most: u64,
}

impl Level {
    pub(crate) fn set(&mut self, now: u64) {
        self.now = now;
        self.most = self.most.max(now);
    }

    /// Hands both out; the next stretch begins with what there is now.
    pub(crate) fn take(&mut self) -> Self {
        let taken = *self;
        self.most = self.now;
        taken
    }

    /// Takes a worker's report in. It may report none or two times in a second, and must count once in it.
    pub(crate) fn report(&mut self, reported: Self) {
        self.now = reported.now;
        self.most = self.most.max(reported.most);
    }
}
