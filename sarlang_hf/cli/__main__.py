from sarlang_hf.cli import main

main()
