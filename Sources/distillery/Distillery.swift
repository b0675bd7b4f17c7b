import ArgumentParser

@main
struct Distillery: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distillery",
        abstract: "Algorithm Distillation: collect learning histories, distil them, evaluate in context.",
        version: "0.1.0"
    )
}
