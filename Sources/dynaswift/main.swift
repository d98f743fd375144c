print("dynaswift")
