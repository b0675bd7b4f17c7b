import Agents
import Commands
import Environments
import Models
import Settings
import Toys

// `distillery` with an environment, a source algorithm and a model more: a line each.
RegisteredEnvironment.registry.add(RegisteredEnvironment(CorridorTasks.self))
RegisteredSourceAlgorithm.registry.add(RegisteredSourceAlgorithm(TabularQ.self))
RegisteredModel.registry.add(RegisteredModel(ToyKind.self))
Distillery.main()
