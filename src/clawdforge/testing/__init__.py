"""Published help for tests: real servers and real processes, no mocks.

`model_api`        a scripted model API, so that real agents run offline
`serving`          a clawdforge server inside a test (also the pytest fixture `clawdforge_server`)
`memory_ledger`    a ledger without a disk
`ledger_contract`  what every ledger must do, as a test suite
"""
