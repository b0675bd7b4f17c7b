import Glibc

/// What can go wrong with a stream file; every case names the file and what to do about it.
///
/// Thrown typed, because the recorder treats the cases differently: it waits for room, sets a damaged stream aside,
/// asks its sender again where an order is wrong, and refuses the sender where a rollout contradicts its stream.
package enum StreamError: Error, Hashable, Sendable {
    /// No room on the disk: nothing was lost, the same call may be tried again when there is room.
    case diskFull(path: String, operation: String)
    /// The file is not a stream of the layout in docs, or is damaged; `problem` says where and what.
    ///
    /// Nothing helps but to set the file aside.
    case damaged(path: String, problem: String)
    /// The rollout does not continue the stream: the next sequence number is `expected`.
    ///
    /// The sender is asked to begin again with `expected`.
    case outOfOrder(path: String, expected: UInt64, got: UInt64)
    /// The rollout contradicts itself or the stream (checksum, lengths, episode numbers, policy version).
    case invalidRollout(path: String, problem: String)
    /// The file or folder could not be read or written; `code` is errno, 0 where none is known.
    case inputOutput(path: String, operation: String, message: String, code: Int32)
    /// The metadata of the stream that was found are not those of the stream that was asked for.
    case mismatch(path: String, problem: String)
    /// The stream is complete and cannot grow.
    case sealed(path: String)
}

extension StreamError {
    /// The machine lacks something (room, rights, open files) and the file is as it was: the same call may succeed
    /// later.
    ///
    /// A recorder waits and tries again then, where it would otherwise give the stream up.
    ///
    /// EMFILE, EACCES and the like: what a person or another process may put right.
    package var isPassing: Bool {
        switch self {
        case .diskFull: true
        case .inputOutput(_, _, _, let code): Self.passingCodes.contains(code)
        default: false
        }
    }

    private static let passingCodes: Set<Int32> = [EMFILE, ENFILE, ENOMEM, EACCES, EPERM, EROFS, EAGAIN, EINTR]
}

extension StreamError: CustomStringConvertible {
    /// One sentence, with the path in front and what to do where something can be done.
    package var description: String {
        switch self {
        case .diskFull(let path, let operation):
            "\(path): no space left on the disk while trying to \(operation); free some space, nothing was lost"
        case .damaged(let path, let problem):
            "\(path): damaged or not a stream file: \(problem)"
        case .outOfOrder(let path, let expected, let got):
            "\(path): expected the rollout with sequence \(expected), got \(got)"
        case .invalidRollout(let path, let problem):
            "\(path): the rollout cannot be appended: \(problem)"
        case .inputOutput(let path, let operation, let message, let code):
            "\(path): cannot \(operation): \(message)\(code == 0 ? "" : " (errno \(code))")"
        case .mismatch(let path, let problem):
            "\(path): this is another stream: \(problem)"
        case .sealed(let path):
            "\(path): the stream is sealed, nothing can be appended to it"
        }
    }
}
