import Processes
import Testing

@Suite("Ranks") struct RankTests {
    @Test("flag, RANK, SLURM_PROCID and JOB_COMPLETION_INDEX say it, in that order")
    func order() throws {
        var environment = ["RANK": "1", "SLURM_PROCID": "2", "JOB_COMPLETION_INDEX": "3"]
        #expect(try Rank.own(flag: "0", environment: environment)?.number == 0)
        for (number, variable) in zip(1..., Rank.variables) {
            let rank = try Rank.own(flag: nil, environment: environment)
            #expect(rank?.number == number)
            #expect(rank?.source == variable)
            environment[variable] = number == 2 ? "" : nil
        }
        #expect(try Rank.own(flag: nil, environment: environment) == nil)
    }

    @Test(
        "what is no rank is named, with its source", arguments: ["-1", "+1", "1.0", " 1", "one", "9999999999999999999"])
    func bad(text: String) throws {
        for (source, flag) in [("--rank", text), ("SLURM_PROCID", nil)] {
            let error = #expect(throws: RankError.self) {
                _ = try Rank.own(flag: flag, environment: ["SLURM_PROCID": text, "JOB_COMPLETION_INDEX": "0"])
            }
            #expect(error?.description.hasPrefix("\(source) is \"\(text)\"") == true)
        }
    }
}
