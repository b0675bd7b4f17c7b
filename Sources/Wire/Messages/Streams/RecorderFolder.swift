import CWire

/// Recorder to coordinator, once it is welcome and again until it is acknowledged: where its streams lie.
///
/// Streams are pinned to a folder, not to a process: whoever records into it next goes on with them. A recorder is given
/// none before the coordinator has this.
package struct RecorderFolder: Sendable, Hashable {
    /// Of the folder: the same whoever records into it, under whatever name of a node.
    package var identity: String
    /// On the recorder's host.
    package var path: String

    /// `identity`: a name, as nodes have.
    package init(identity: String, path: String) {
        self.identity = identity
        self.path = path
    }
}

extension RecorderFolder: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__RecorderFolder>?) -> Void {
        distillery__recorder_folder__init
    }
    static var place: EnvelopePlace<Distillery__RecorderFolder> {
        .init(DISTILLERY__ENVELOPE__BODY_RECORDER_FOLDER, \.recorder_folder)
    }

    func encode(into body: inout Distillery__RecorderFolder, _ arena: EncodingArena) {
        body.identity = arena.string(identity)
        body.path = arena.string(path)
    }

    /// Throws for an identity that is no name, and for a path that is too long.
    init(decoding body: Distillery__RecorderFolder) throws {
        identity = try Field.name(body.identity, "identity of a recorder's folder")
        path = try Field.shortText(body.path, "recorder's folder")
    }
}
