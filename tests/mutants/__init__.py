"""Mutation testing of the code that decides whether a clip may be deleted.

    python -m tests.mutants            # all modules of `PLAN`
    python -m tests.mutants rule       # those whose name ends so

Each mutant is one small change of one module. The module's tests run against it in a process of
their own that loads the changed source instead of the file: nothing in the checkout is touched.
What the tests let pass is printed, unless `EQUIVALENT` says why no test could tell it.
"""
