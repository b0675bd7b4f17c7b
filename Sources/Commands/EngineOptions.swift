import ArgumentParser
import Distilling
import Logging

/// What a distiller trains with.
enum EngineName: String, ExpressibleByArgument, CaseIterable {
    case swift, pytorch
}

/// Where PyTorch computes, as `python -m distillery.distil` has it.
enum DeviceName: String, ExpressibleByArgument, CaseIterable {
    case auto, cpu, cuda
}

/// The engine of a distiller, or of those that a command starts.
struct EngineOptions: ParsableArguments {
    @Option(
        help: """
            What trains: swift, in the distiller's own process, or pytorch, in a process beside it, on a GPU where there \
            is one (docs/pytorch.md).
            """)
    var engine = EngineName.swift
    @Option(
        help: ArgumentHelp(
            """
            With --engine pytorch: the Python that has PyTorch and the package distillery, a path or a name on PATH \
            (default: $DISTILLERY_PYTHON, or python3).
            """, valueName: "program"))
    var python: String?
    @Option(help: "With --engine pytorch: where it computes; auto takes a GPU where PyTorch sees one.")
    var device: DeviceName?

    func validate() throws {
        guard engine == .swift else { return }
        for (name, isGiven) in [("--python", python != nil), ("--device", device != nil)] where isGiven {
            throw ValidationError("\(name) is for --engine pytorch")
        }
    }

    private var program: String { PythonProgram.name(python) }

    /// Nil for the one in the distiller's own process.
    func make(_ logger: Logger) -> (any TrainingEngine)? {
        engine == .swift
            ? nil : PyTorchEngine(python: program, device: (device ?? .auto).rawValue, logger: logger)
    }

    /// For the distillers that a command starts.
    var arguments: [String] {
        guard engine != .swift else { return [] }
        return ["--engine", engine.rawValue, "--python", program] + (device.map { ["--device", $0.rawValue] } ?? [])
    }
}
