import CFuzzer
import Foundation

/// libFuzzer's side of `FuzzedCluster`: whatever is a problem there ends the process here, which keeps the input.
@main enum Fuzzing {
    static func main() {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(
            LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
                takeInput(UnsafeRawBufferPointer(start: bytes, count: count))
                return 0
            })
    }
}
