"""A budget in a browser: an operator sets it, staff is warned, and a user whose budget is used up reads why, keeps the
question, and is answered again once there is more."""

from playwright.sync_api import expect

from tests.browser.steps import ANSWER, QUESTION, ask, finished

SPENT = """
UPDATE chat_budgetmonth SET spent_usd = %s
 WHERE budget_id = (SELECT b.id FROM chat_budget b JOIN auth_user u ON u.id = b.user_id WHERE u.username = %s)
RETURNING id
"""


def test_a_used_up_budget_says_why_keeps_the_question_and_can_be_raised(site, sign_up, sign_in):
    page, admin = sign_up("bea"), sign_in("root", "/admin/chat/budget/add/")
    admin.get_by_label("For").select_option("USER")
    admin.locator("input[name=user]").fill("bea")
    admin.get_by_label("Dollars a month").fill("50")
    admin.get_by_label("Contact").fill("the front desk")
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.locator("#result_list")).to_contain_text("User bea")

    assert site.rows(SPENT, 41, "bea")
    admin.goto(f"{site.url}/admin/")
    expect(admin.get_by_role("region", name="Budgets")).to_contain_text("User bea: the budget for this month is nearly")
    assert site.rows(SPENT, 50, "bea")
    ask(page)
    expect(page.locator("#error")).to_contain_text("Your budget for this month is used up.")
    expect(page.locator("#error")).to_contain_text("Ask the front desk for more.")
    expect(page.locator("textarea#question")).to_have_value(QUESTION)
    expect(page.locator("article.turn")).to_have_count(0)

    assert site.rows("UPDATE chat_budget SET monthly_usd = 500 WHERE contact = 'the front desk' RETURNING id")
    site.llm.enqueue(ANSWER)
    page.locator("#send").click()
    expect(finished(page).locator(".answer-body")).to_contain_text("green button")
