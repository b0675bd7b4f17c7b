/// An experiment whose environment steps in a process of its own, and has said before what it is: no process is needed to read it.
package let experimentWithForeignEnvironment = """
    name: rooms
    environment:
      name: external
      class: rooms:Room
      tasks: [{}, {size: 2}]
      description: {observation: "Box(-1.0, 1.0, (2,), float32)", action: Discrete(3), horizon: 20}
    tasks: {test: 1}
    source: {algorithm: q-lambda}
    """
