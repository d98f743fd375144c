print("dynabench")
