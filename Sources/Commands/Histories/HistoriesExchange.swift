import ArgumentParser
import Processes

/// `distillery histories export ...`: the Python package writes formats of others, by the libraries that these have.
struct HistoriesExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write streams as a data set of Minari, XLand-100B or Parquet.",
        usage: "distillery histories export --format minari|xland|parquet RUN --out OUT [options]",
        discussion: """
            RUN is a run's folder, a folder of streams or one .h5 file; OUT a new folder, or file for xland. The Python \
            package does it (docs/exchange.md): pip install './scripts/python[exchange]'. It takes all options but \
            --python; `--format parquet --help` after `--` names them.
            Example: distillery histories export --format parquet runs/quickstart --out dark-room
            """)

    @OptionGroup var exchange: ExchangeOptions

    func run() throws { try exchange.run("export") }
}

/// `distillery histories import ...`: the same the other way round.
struct HistoriesImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Write a data set of Minari or XLand-100B as streams of a run.",
        usage: "distillery histories import --format minari|xland SOURCE --out OUT [options]",
        discussion: """
            SOURCE is a data set's folder or its id, or a file for xland; the streams come into OUT/histories. The Python \
            package does it (docs/exchange.md): pip install './scripts/python[exchange]'. It takes all options but \
            --python; `--help` after `--` names them.
            Example: distillery histories import --format minari datasets/dark-room/a3c-v0 --out runs/again
            """)

    @OptionGroup var exchange: ExchangeOptions

    func run() throws { try exchange.run("import") }
}

/// What is handed over to `python -m distillery.exchange`.
struct ExchangeOptions: ParsableArguments {
    @Option(help: "Python with the package distillery[exchange]; $DISTILLERY_PYTHON, or python3.")
    var python: String?

    @Argument(parsing: .allUnrecognized, help: "What the Python package takes.")
    var arguments: [String] = []

    /// Says which package is missing, in words of ours; everything else is the package's to say.
    private static let program = """
        import sys
        try:
            from distillery.exchange.__main__ import main
        except ModuleNotFoundError as error:
            sys.exit(f"Error: {sys.executable} has no module {error.name}: install the Python package with its extra, "
                     "pip install './scripts/python[exchange]', or name a Python that has it by --python or "
                     "DISTILLERY_PYTHON")
        sys.exit(main(sys.argv[1:]))
        """

    func run(_ verb: String) throws -> Never {
        try becomeProgram(PythonProgram.name(python), arguments: ["-c", Self.program, verb] + arguments)
    }
}
