import Commands

Distillery.main()
