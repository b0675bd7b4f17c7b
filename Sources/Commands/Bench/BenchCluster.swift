import Experiments
import Processes
import Supervision
import Transport
import Wire

/// Collects the histories of an experiment in a new run, with processes of this program on loopback. Throws where the run
/// does not come to its end.
func collectOnCluster(
    _ experiment: Experiment, in folder: RunFolder, hasKeys: Bool = false, _ signals: SignalWatcher
) throws {
    let lock = try folder.prepare(experiment, resume: false)
    let keys = KeyFolder(folder.path + "/keys")
    // An empty folder of keys is none, whatever the environment says.
    let arguments = ["--keys", hasKeys ? keys.path : ""]
    if hasKeys { _ = try keys.generate(nodes: ["node"]) }
    let supervisor = Supervisor(
        executable: try ChildProcess.ownExecutable(), folder: folder.path, lock: lock,
        coordinatorArguments: [folder.path, "--goal", "collect"] + arguments,
        roleArguments: Dictionary(uniqueKeysWithValues: RoleName.allCases.map { ($0, arguments) }),
        key: hasKeys ? try OwnKey(keys) : nil, signals: signals, logger: makeLogger("bench"))
    try exitUnlessComplete(try supervisor.run())
}
