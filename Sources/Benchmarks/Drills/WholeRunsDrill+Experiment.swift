extension WholeRunsDrill {
    /// Histories are collected once, and distilled and evaluated in each of the plan's ways: three variants with two
    /// seeds each on two distillers, four evaluations of each on three evaluators. What a kill sets back is short beside
    /// `every`: a job of an evaluation, the steps since the last checkpoint.
    var experiment: String {
        let size = lengthSeconds / 60
        return """
            name: whole
            environment: {size: 5, horizon: 10}
            tasks: {test: 4, train: 4}
            source: {learning_rate: 0.003, hidden: [32, 32]}
            collect: {actors: 20, test_lifetimes: 0, end: {episodes_per_actor: \(Int(20_000 * size))}}
            cluster: {distillers: 2, evaluators: 3, actor_processes: 2}
            distil:
              seeds: 2
              model: {context_length: 50, dimension: 32, layers: 2, heads: 2, feed_forward: 64}
              windows: {every_episodes: 5}
              training:
                steps: \(Int(1_200 * size))
                batch_size: 16
                warmup_steps: 20
                checkpoint_every: \(Int(300 * size))
                threads: 1
            evaluate: {episodes: \(Int(600 * size)), seeds: 2, train_tasks: 2}
            variants:
              - name: long
              - {name: short, model: {context_length: 20}}
              - name: fast
                training: {peak_learning_rate: 0.01, steps: \(Int(900 * size))}
            evaluations:
              - name: held-out
              - {name: cleared, context: cleared, limit: 2}
              - {name: trained, tasks: train, limit: 2, policies: [distilled, random]}
              - {name: warm, temperature: 2, limit: 2, variants: [long, fast]}
            """
    }
}
