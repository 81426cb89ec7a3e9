from keystall.platform.cli import main

main()
