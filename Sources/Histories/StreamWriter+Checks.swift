import Experience
import Glibc

/// What is looked at before a writer appends, writes or makes its file.
extension StreamWriter {
    /// Why a rollout is refused though its sequence number is right; nil where it may be appended.
    func problem(_ rollout: CheckedRollout) -> String? {
        let header = rollout.header
        guard header.actor == metadata.actor else { return "actor \(header.actor), expected \(metadata.actor)" }
        guard rollout.layout == layout else {
            return "observations of \(rollout.layout.observation) and actions of \(rollout.layout.action), expected "
                + "\(layout.observation) and \(layout.action)"
        }
        return position.problem(
            incarnation: header.incarnation, policyVersion: header.policyVersion, firstEpisode: header.firstEpisode)
    }

    /// Throws once fdatasync has failed.
    func checkSync() throws(StreamError) {
        guard syncFailed else { return }
        throw .inputOutput(
            path: path, operation: "go on", message: "an earlier fdatasync failed; close the stream and recover it",
            code: EIO)
    }

    /// A file that is still to be made finds nothing in its place: the growing one, or the sealed one where that is
    /// another.
    ///
    /// Throws `damaged`: a recorder that finds a foreign file there gives the stream up.
    func checkNameIsFree(_ path: String) throws(StreamError) {
        guard fileSize(path) != nil else { return }
        throw .damaged(path: path, problem: "another file was put in its place before it had one")
    }
}
