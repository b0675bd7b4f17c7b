import Glibc
import Nodes
import Simulation
import Testing

@Suite("Locks on folders") struct DirectoryLockTests {
    @Test("a second holder is told that there is one; a file system without locks, that it has none and what to do")
    func refusals() throws {
        let folder = try makeTemporaryFolder()
        let lock = try DirectoryLock(path: folder + "/.lock", holder: "coordinator")
        defer { withExtendedLifetime(lock) {} }
        let second = #expect(throws: ClusterError.self) {
            try DirectoryLock(path: folder + "/.lock", holder: "coordinator")
        }
        #expect(second?.description == "another coordinator writes \(folder): stop it first")
        for code in [ENOLCK, ENOSYS, EOPNOTSUPP] {
            let text = DirectoryLock.refusal(code, holder: "coordinator", folder: "/nfs/run").description
            #expect(text.contains("/nfs/run has no locks") && text.contains("--out"), "\(text)")
            #expect(!text.contains("another"))
        }
    }
}
