internal import Glibc

/// Makes this process another program, which keeps its number, its folder, its environment and its streams. Comes back
/// only by throwing `ProcessError`, where the program cannot be started.
///
/// - Parameters:
///   - program: a path, or a name that is searched for as a shell does.
///   - arguments: without the program itself.
package func becomeProgram(_ program: String, arguments: [String]) throws(ProcessError) -> Never {
    let number = withCStrings([program] + arguments) { arguments in
        execvp(program, arguments)
        return errno
    }
    throw ProcessError("start \(program)", errorNumber: number)
}
