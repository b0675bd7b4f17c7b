// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// Warnings are errors, the upcoming features are on, everywhere.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

/// What `scripts/package` says of the build, as a C string; the variable is part of what the manifest is cached by.
func told(_ macro: String) -> CSetting {
    .define(macro, to: "\"\(Context.environment[macro] ?? "")\"")
}

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yaml = Target.Dependency.product(name: "Yams", package: "Yams")
let sqlite = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")

/// OpenMPI, where `--traits MPI` asks for it.
let mpi = Target.Dependency.target(name: "CMPI", condition: .when(traits: ["MPI"]))

let http = Target.Dependency.product(name: "FlyingFox", package: "FlyingFox")
let httpSockets = Target.Dependency.product(name: "FlyingSocks", package: "FlyingFox")

let package = Package(
    name: "Distillery",
    products: [.executable(name: "distillery", targets: ["distillery"])],
    traits: [.trait(name: "MPI", description: "Training divided among processes, with OpenMPI (docs/mpi.md).")],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
    ],
    targets: [
        // System libraries and C.
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "CSodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "CGIF", providers: [.apt(["libgif-dev"])]),
        .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .target(name: "CWire", dependencies: ["CProtobufC"]),
        .target(name: "CProcesses"),
        .target(name: "CBuild", cSettings: [told("DISTILLERY_COMMIT"), told("DISTILLERY_BUILD_OPTIONS")]),
        // The same bits on every processor: no product and sum become one operation.
        .target(name: "CRendering", cSettings: [.unsafeFlags(["-O3", "-ffp-contract=off"])]),
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-ffast-math", "-fno-finite-math-only"])]),

        // The house, in the order in which data walks through it.
        module("Files", []),
        module("Quantities", []),
        module("Settings", []),
        module("Experience", []),
        module("Wire", ["CWire", "CProtobufC", "Experience"]),
        module("Transport", ["CZeroMQ"]),
        module("Processes", ["CProcesses", "Quantities"]),
        module("ExternalEnvironments", ["Files", "Wire", "Transport", "Processes"]),
        module("Environments", ["Experience", "Settings", "Wire", "ExternalEnvironments", "CRendering"]),
        module("Pictures", ["Environments", "Experience", "CPNG", "CGIF"]),
        module("Neural", ["Settings", "CKernels", "COpenBLAS", "Files"]),
        module("Agents", ["Settings", "Neural", "Environments", "Experience"]),
        module("Histories", ["CHDF5", "Environments", "Experience", "Files"]),
        module("Monitoring", [http, httpSockets]),
        module("Models", ["Settings", "CKernels", "Neural", "Experience"]),
        module(
            "Distillation",
            [
                "Settings", "CKernels", "Models", "Agents", "Neural", "Histories", "Environments", "Experience",
                "Files",
            ]),
        module(
            "Experiments",
            [
                "Settings", "Quantities", "Environments", "Experience", "Neural", "Agents", "Models", "Distillation",
                yaml,
            ]),
        module("MessagePassing", ["Distillation", "Processes", mpi]),
        module("Catalog", ["Environments", "Experience", sqlite]),
        module(
            "Nodes",
            ["Monitoring", "CBuild", "CSodium", "Experience", "Files", "Wire", "Transport", "Processes", logging]),
        module(
            "Collecting",
            [
                "Quantities",
                "Settings",
                "Nodes", "Distillation", "Agents", "Histories", "Experiments", "Environments", "Experience", "Files",
                "Wire", "Transport", logging,
            ]),
        module(
            "Distilling",
            [
                "Quantities",
                "Nodes", "Collecting", "Distillation", "Models", "Agents", "Histories", "Experiments", "Environments",
                "Experience", "Files", "Processes", "Wire", "Transport", logging,
            ]),
        module(
            "Coordination",
            [
                "Quantities",
                "Nodes", "Monitoring", "Experiments", "Catalog", "Distillation", "Histories", "Environments",
                "Experience",
                "Files", "Processes", "Wire", "Transport", logging,
            ]),
        module("Supervision", ["Monitoring", "Nodes", "Processes", "Files", "Wire", "Transport", logging]),
        module(
            "Reporting",
            [
                "Quantities",
                "Settings", "Agents", "Catalog", "Distillation", "Histories", "Environments", "Experience",
                "Experiments", "Files",
            ]),
        module(
            "Benchmarks",
            [
                "Quantities", "Settings",
                "CKernels", "Neural", "Models", "Agents", "Distillation", "Histories", "Catalog", "Nodes", "Collecting",
                "Coordination", "Supervision",
                "Processes", "Transport", "Experiments", "Environments", "Experience", "Wire", logging,
            ]),
        module(
            "Commands",
            [
                "Quantities",
                "Settings",
                "Environments", "Experience", "Histories", "Wire", "Transport", "Processes",
                "Distillation", "MessagePassing",
                "Experiments", "Catalog", "Monitoring", "Nodes", "Collecting", "Distilling", "Coordination",
                "Supervision",
                "Benchmarks",
                "Reporting", "Pictures", "Files",
                arguments, logging,
            ]),
        .executableTarget(name: "distillery", dependencies: ["Commands"], swiftSettings: strict),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: ["Environments", "Experience", "Histories", "Pictures", "Transport", "Wire", "CPNG"],
            path: "Tests/TestSupport",
            swiftSettings: strict),
        .target(
            name: "NeuralReference", dependencies: ["Neural"], path: "Tests/NeuralReference", swiftSettings: strict),
        .target(
            name: "Simulation",
            dependencies: [
                "Nodes", "Collecting", "Distilling", "Coordination", "Supervision",
                "Wire", "Transport", "Catalog", "Distillation", "Histories", "Experiments", "Environments",
                "Experience",
                "Reporting", "TestSupport", logging,
            ], path: "Tests/Simulation", swiftSettings: strict),
        .target(
            name: "Toys", dependencies: ["Agents", "Environments", "Experience", "Models", "Neural", "Settings"],
            path: "Tests/Toys", swiftSettings: strict),
        .executableTarget(
            name: "DistilleryWithToys",
            dependencies: ["Commands", "Toys", "Agents", "Environments", "Models", "Settings"],
            path: "Tests/DistilleryWithToys", swiftSettings: strict),
        tests(
            "TutorialsTests",
            [
                "Toys", "Agents", "Coordination", "Environments", "Experience", "Experiments", "Histories", "Settings",
                "Simulation", "TestSupport", "Wire",
            ]),
        tests("HouseTests", []),
        tests("MonitoringTests", ["Monitoring", "Coordination", "Nodes", "Wire"]),
        tests("DeploymentTests", ["distillery", "TestSupport"]),
        tests("FilesTests", ["Files", "TestSupport"]),
        tests("QuantitiesTests", ["Quantities"]),
        tests("SettingsTests", ["Settings"]),
        tests("ExperienceTests", ["Experience", "TestSupport"]),
        tests(
            "EnvironmentsTests",
            ["Settings", "Environments", "Experience", "Pictures", "TestSupport", "Wire", "CRendering"],
            resources: [.copy("Golden")]),
        tests("PicturesTests", ["Pictures", "Environments", "Experience", "TestSupport", "CGIF"]),
        tests("HistoriesTests", ["Histories", "Environments", "Experience", "TestSupport"]),
        .executableTarget(
            name: "ProcessesTestParent", dependencies: ["Processes"], path: "Tests/ProcessesTestParent",
            swiftSettings: strict),
        tests("ProcessesTests", ["Processes", "ProcessesTestParent"]),
        tests("ExternalEnvironmentsTests", ["ExternalEnvironments", "Experience", "TestSupport", "Wire"]),
        tests("TransportTests", ["Transport", "CZeroMQ", "TestSupport"]),
        tests("WireTests", ["Wire", "Environments", "Experience", "TestSupport"], resources: [.copy("Golden")]),
        tests(
            "ExperimentsTests",
            [
                "Settings", "Experiments", "Environments", "Experience", "Agents", "Neural", "Models",
                "Distillation", "TestSupport",
            ]),
        tests(
            "AgentsTests", ["Settings", "Agents", "Neural", "Environments", "Experience", "TestSupport"],
            resources: [.copy("Golden")]),
        tests(
            "NeuralTests",
            ["Neural", "NeuralReference", "CKernels", "Environments", "Experience", "Settings", "TestSupport"],
            resources: [.copy("Golden")]),
        tests("CatalogTests", ["Catalog", "Environments", "Experience"]),
        tests(
            "BenchmarksTests",
            [
                "Benchmarks", "Coordination", "Distillation", "Models", "Neural", "Processes", "Agents", "Environments",
                "Experience", "Settings", "TestSupport", "Wire",
            ]),
        tests(
            "ReportingTests",
            ["Reporting", "Catalog", "Histories", "Environments", "Experience", "Experiments", "TestSupport"]),
        tests("NodesTests", ["Nodes", "Wire", "Transport", "Simulation"]),
        tests(
            "CollectingTests",
            [
                "Collecting", "Nodes", "Wire", "Transport", "Histories", "Experiments", "Models", "Distillation",
                "Environments",
                "Experience", "TestSupport", "Simulation", logging,
            ]),
        tests(
            "DistillingTests",
            [
                "Distilling", "Coordination", "Nodes", "Wire", "Experiments", "Distillation", "Environments",
                "Experience", "Histories", "Simulation", "TestSupport",
                logging,
            ]),
        tests(
            "CoordinationTests",
            [
                "Coordination", "Collecting", "Histories", "Nodes", "Wire", "Transport", "Catalog", "Experiments",
                "Environments", "Experience", "TestSupport", "Simulation", logging,
            ]),
        tests("SupervisionTests", ["Supervision", "Processes"]),
        tests(
            "ClusterTests",
            [
                "Nodes", "Collecting", "Distilling", "Coordination", "Supervision",
                "Wire", "Transport", "Catalog", "Histories", "Experiments", "Models", "Distillation", "Environments",
                "Experience", "TestSupport", "Simulation", logging,
            ], resources: [.copy("Corpus")]),
        tests(
            "EndToEndTests",
            [
                "Benchmarks",
                "distillery", "DistilleryWithToys", "Histories", "Catalog", "Nodes", "Collecting", "Distilling",
                "Coordination",
                "Supervision", "Wire", "Transport", "Processes", "Environments",
                "Experience",
                "Experiments", "Simulation", "TestSupport", "Monitoring", "Reporting", "MessagePassing", http,
                httpSockets,
            ], resources: [.copy("Earlier")]),
        tests(
            "DistillationTests",
            [
                "Settings", "Distillation", "Files", "Models", "Agents", "Neural", "NeuralReference", "Histories",
                "Environments", "Experience", "TestSupport", "Toys",
            ],
            resources: [.copy("Golden")]),
    ],
    swiftLanguageModes: [.v6]
)

// libFuzzer's program, whose `main` is libFuzzer's: scripts/fuzz alone builds it, with everything else instrumented.
if Context.environment["DISTILLERY_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "distillery-fuzz", dependencies: ["Simulation"], path: "Tests/Fuzzer", swiftSettings: strict))
}
