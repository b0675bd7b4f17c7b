import Foundation
import Nodes
import Supervision

/// Where a coordinator is, as its user says it: by its endpoint, by the folder of its run or by the file in there that
/// holds the endpoint.
struct CoordinatorAddress {
    private static let longestEndpointBytes = 1024
    private let text: String

    init(_ text: String) { self.text = text }

    /// What has a scheme is taken for an endpoint and left to the socket, which says what one looks like; all else is a
    /// path. Throws `ClusterError` where there is nothing at that path, or nothing that says where a coordinator
    /// listens.
    func endpoint() throws -> String {
        guard !text.contains("://") else { return text }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: text, isDirectory: &isFolder) else {
            throw ClusterError(
                "--coordinator \(text): expected an endpoint as tcp://127.0.0.1:5555, or a run's folder; "
                    + "there is no such folder")
        }
        return try isFolder.boolValue ? endpoint(ofRun: text) : endpoint(in: text)
    }

    private func endpoint(ofRun folder: String) throws -> String {
        let file = URL(fileURLWithPath: folder).appendingPathComponent(Supervisor.endpointFile).path
        if FileManager.default.fileExists(atPath: file) { return try endpoint(in: file) }
        let isRun = FileManager.default.fileExists(
            atPath: URL(fileURLWithPath: folder).appendingPathComponent("experiment.yaml").path)
        throw ClusterError(
            isRun
                ? "--coordinator \(folder): no coordinator is at work on this run (it has no "
                    + "\(Supervisor.endpointFile)); `distillery run ... --resume` goes on with it"
                : "--coordinator \(folder): the folder is no run, for it has no experiment.yaml and no "
                    + "\(Supervisor.endpointFile); give the run's folder, or an endpoint as tcp://127.0.0.1:5555")
    }

    private func endpoint(in file: String) throws -> String {
        let kind = try? FileManager.default.attributesOfItem(atPath: file)[.type] as? FileAttributeType
        guard kind == .typeRegular, let handle = FileHandle(forReadingAtPath: file),
            let bytes = try? handle.read(upToCount: Self.longestEndpointBytes),
            let line = String(data: bytes, encoding: .utf8)?.trimmingCharacters(in: .whitespacesAndNewlines),
            line.contains("://"), !line.contains(where: \.isWhitespace)
        else {
            throw ClusterError(
                "--coordinator \(text): \(file) does not hold an endpoint as tcp://127.0.0.1:5555; "
                    + "give a run's folder or its \(Supervisor.endpointFile)")
        }
        return line
    }
}
