import Experience

/// How checkpoints of a run are called: by the step at which they were made.
extension Checkpoint {
    /// The step in a checkpoint's name, `step-00020000`; nil for any other name.
    package static func step(of name: String) -> Int? {
        let prefix = "step-"
        let digits = name.dropFirst(prefix.count)
        guard name.hasPrefix(prefix), !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        return Int(digits)
    }

    /// A checkpoint's path below a run's folder of checkpoints in its two parts: `ed/step-00020000` is one of the
    /// distillation `ed`, `step-00020000` one of the only, unnamed one.
    package static func parts(of path: String) -> (distillation: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    /// The name of the checkpoint that was made at a step.
    package static func name(ofStep step: Int) -> String { "step-" + padded(step, 8) }
}
