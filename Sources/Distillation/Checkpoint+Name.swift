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

    /// The name of the checkpoint that was made at a step.
    package static func name(ofStep step: Int) -> String { "step-" + padded(step, 8) }
}
