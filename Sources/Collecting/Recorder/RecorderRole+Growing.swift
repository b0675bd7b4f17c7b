import Experience
import Foundation
import Histories
import Logging
import Nodes
import Transport

/// Where the files of streams are: at home, in the recorder's folder, or while they grow on a disk of their own
/// (`GrowingFolder`).
extension RecorderRole {
    /// Where the stream ends, and all that is left of it where it was given up.
    func home(_ identifier: StreamIdentifier) -> String { folder + "/" + identifier.path }

    /// Where the stream's file is, or will be made.
    func place(_ identifier: StreamIdentifier) -> String {
        guard let growing, !FileManager.default.fileExists(atPath: home(identifier)) else { return home(identifier) }
        return growing.path + "/" + identifier.path
    }

    func hasFile(_ identifier: StreamIdentifier) -> Bool {
        FileManager.default.fileExists(atPath: place(identifier))
    }

    /// Brings what there is of a stream home, where it is done with; its writer has no file open any more. What keeps it
    /// where it is; nil where nothing does.
    func bringHome(_ identifier: StreamIdentifier) -> StreamError? {
        do throws(StreamError) {
            try growing?.bringHome(identifier.path)
            return nil
        } catch { return error }
    }

    /// The same of all streams of a lifetime.
    func bringHome(_ lifetime: LifetimeIdentifier) throws(StreamError) {
        guard let growing else { return }
        for stream in try growing.streams(below: lifetime.folder) { try growing.bringHome(stream) }
    }

    /// All files are closed, and the recorder leaves: what still grows comes home, so that a recorder of any host can go
    /// on with it. A turn's worth; true while there is more.
    func leaveDisk() -> Bool {
        guard let growing, !isClosed else { return false }
        let began = clock.now
        do {
            if comingHome == nil {
                comingHome = try growing.streams()
                logger.info("streams that grow come home", metadata: ["streams": "\(comingHome?.count ?? 0)"])
            }
            while let stream = comingHome?.popLast() {
                try growing.bringHome(stream)
                counts["streams_brought_home", default: 0] += 1
                if clock.now - began > Self.workNanoseconds { return true }
            }
            try growing.dissolve()
        } catch {
            logger.warning(
                "streams stay where they grow; the next recorder has to be on this host",
                metadata: ["place": "\(growing.place)", "reason": "\(error)"])
        }
        isClosed = true
        return false
    }
}
