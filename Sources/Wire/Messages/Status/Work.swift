import CWire

/// Long work of a node, told in its heartbeat: its name, its duration and its progress. Shown by `status`; a node whose
/// work stands still for `cluster.work_limit_seconds` is given up.
package struct Work: Sendable, Equatable {
    /// In words, as `status` shows it: `seals streams`.
    package var what: String
    /// Since it began.
    package var milliseconds: UInt64
    /// Since a piece of it was last done.
    package var stillMilliseconds: UInt64
    /// Pieces that are done; 0 where they are not counted.
    package var done: UInt64
    /// Pieces that there are; 0 where they are not counted.
    package var total: UInt64

    /// `done` and `total` are 0 for work that is not counted.
    package init(what: String, milliseconds: UInt64, stillMilliseconds: UInt64, done: UInt64 = 0, total: UInt64 = 0) {
        self.what = what
        self.milliseconds = milliseconds
        self.stillMilliseconds = stillMilliseconds
        self.done = done
        self.total = total
    }
}

extension Work: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__Work>?) -> Void { distillery__work__init }

    func encode(into body: inout Distillery__Work, _ arena: EncodingArena) {
        body.what = arena.string(what)
        body.milliseconds = milliseconds
        body.still_milliseconds = stillMilliseconds
        body.done = done
        body.total = total
    }

    /// Never throws in fact, as in `Waiting`.
    init(decoding body: Distillery__Work) throws {
        what = Field.beginning(of: body.what)
        milliseconds = Field.tellable(body.milliseconds)
        stillMilliseconds = Field.tellable(body.still_milliseconds)
        done = Field.tellable(body.done)
        total = Field.tellable(body.total)
    }
}
